// A store in the memory of the process: what was not asked for longest goes first.

import { checkWhole } from '#collector/amounts.ts'
import type { CacheStore } from '#collector/cache/stores.ts'

export type MemoryStoreOptions = {
  /** What all entries together may take, with their keys and what an entry itself costs. */
  maxBytes: number
  /** Larger ones are not kept. Default: an eighth of `maxBytes`. */
  maxEntryBytes?: number | undefined
}

export type MemoryStore = CacheStore & {
  /** What the entries take at the moment, as `maxBytes` counts. */
  readonly bytes: number
}

/** Of resident memory, without key and bytes: 680 to 850 measured on Node 26, half of it outside the heap. */
const ENTRY_BYTES = 800

type Entry = { bytes: Buffer; size: number; endsAt: number }

/** Throws BadInput for a bound that is none. `now` in ms of a monotonic clock. */
export function memoryStore(options: MemoryStoreOptions, now: () => number = () => performance.now()): MemoryStore {
  const maxBytes = checkWhole(options?.maxBytes, 'maxBytes of a memory store', { least: 1_024, unit: 'bytes' })
  const given = options.maxEntryBytes ?? Math.floor(maxBytes / 8)
  const maxEntryBytes = checkWhole(given, 'maxEntryBytes of a memory store', { unit: 'bytes' })
  const queue = newQueue()
  return {
    get bytes() {
      return queue.size()
    },
    get(key) {
      const entry = queue.remove(key)
      if (!entry || now() > entry.endsAt) return undefined
      queue.add(key, entry)
      return Buffer.from(entry.bytes)
    },
    set(key, bytes, { ttlMs }) {
      // The old one goes even when the new one is not kept: it is out of date.
      queue.remove(key)
      const size = ENTRY_BYTES + 2 * key.length + bytes.byteLength
      if (bytes.byteLength > maxEntryBytes || size > maxBytes) return
      while (queue.size() + size > maxBytes) queue.removeOldest()
      queue.add(key, { bytes: copyOf(bytes), size, endsAt: now() + ttlMs })
    },
    delete(key) {
      queue.remove(key)
    },
  }
}

/** Entries in the order in which they were added, and what they take together. */
function newQueue() {
  // A map keeps that order. One iterator goes on where the last removal was; a new one would pass all that was removed
  // before it, each time.
  const entries = new Map<string, Entry>()
  let oldest = entries.keys()
  let size = 0
  const remove = (key: string): Entry | undefined => {
    const entry = entries.get(key)
    if (entry) size -= entry.size
    entries.delete(key)
    return entry
  }
  return {
    size: () => size,
    remove,
    removeOldest() {
      let next = oldest.next()
      if (next.done) {
        oldest = entries.keys()
        next = oldest.next()
      }
      if (!next.done) remove(next.value)
    },
    /** The key must not be in it. */
    add(key: string, entry: Entry) {
      entries.set(key, entry)
      size += entry.size
    },
  }
}

const PROCESS_BYTES = 64 * 1_024 * 1_024
let shared: MemoryStore | undefined

/** The store of caches that name none: 64 MB for the process. */
export function processStore(): MemoryStore {
  shared ??= memoryStore({ maxBytes: PROCESS_BYTES })
  return shared
}

/** With memory of its own: a slice of Node's pool would keep the pool. */
function copyOf(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.byteLength)
  copy.set(bytes)
  return copy
}
