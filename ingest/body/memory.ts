// The memory that bodies may fill until they are answered. When it is full, senders are asked to come back later.

import { type Buffers, buffers } from '#ingest/body/buffers.ts'
import { Unavailable } from '#model/errors.ts'

/**
 * What one request holds. Disposing of it gives everything back, and its buffers are written to again at once: nobody
 * may read the body after that.
 */
export type Hold = Disposable & {
  /** Counts memory that comes from elsewhere. Throws Unavailable when there is not as much left for this sender. */
  take(bytes: number): void
  /** A buffer of at least this length. Throws as `take`. */
  buffer(length: number): Buffer
  /** Gives back a buffer before its time. */
  free(buffer: Buffer): void
}

export type MemoryBudget = { hold(sender: string): Hold; heldBytes(): number }

/** Room for what one sender may hold of the largest bodies, and as much again that it cannot take from the others. */
export function memoryFor(maxBodyBytes: number): number {
  return Math.max(64 * 2 ** 20, 6 * maxBodyBytes + 2 ** 23)
}

/**
 * No sender may hold more than it leaves free: alone it gets half, beside another a third, and a newcomer always finds
 * room (dynamic thresholds, Choudhury and Hahne 1998).
 */
export function memoryBudget(totalBytes: number): MemoryBudget {
  const pool = buffers(totalBytes / 8)
  const bySender = new Map<string, number>()
  let held = 0

  /** Throws Unavailable rather than count more than the sender's share. */
  function count(sender: string, bytes: number): void {
    const own = (bySender.get(sender) ?? 0) + bytes
    if (bytes > 0 && own > totalBytes - held - bytes) {
      throw new Unavailable('there is no memory for more bodies at the moment')
    }
    held += bytes
    if (own > 0) bySender.set(sender, own)
    else bySender.delete(sender)
  }

  return { hold: (sender) => holdOf(pool, (bytes) => count(sender, bytes)), heldBytes: () => held }
}

function holdOf(pool: Buffers, count: (bytes: number) => void): Hold {
  const own = new Set<Buffer>()
  let ownBytes = 0

  function take(bytes: number): void {
    count(bytes)
    ownBytes += bytes
  }

  function free(buffer: Buffer): void {
    if (!own.delete(buffer)) return
    take(-buffer.length)
    pool.give(buffer)
  }

  return {
    take,
    buffer(length) {
      const buffer = pool.take(length)
      try {
        take(buffer.length)
      } catch (error) {
        pool.give(buffer)
        throw error
      }
      own.add(buffer)
      return buffer
    },
    free,
    [Symbol.dispose]() {
      for (const buffer of own) free(buffer)
      take(-ownBytes)
    },
  }
}
