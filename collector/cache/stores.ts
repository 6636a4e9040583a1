// Where a cache keeps things: three methods, so that ten lines make a store of anything. And the care they are called
// with: a store that fails, dawdles or answers nonsense has nothing, and no fetch fails because of it.

import { redact } from '#collector/redact.ts'
import { warn } from '#collector/telemetry/trouble.ts'
import { messageOf } from '#model/errors.ts'

/**
 * Keeps bytes under texts. Each method may answer at once or with a promise, and may throw. Redis, for example:
 *
 * ```ts
 * const redis = new Redis({ enableOfflineQueue: false, commandTimeout: 200 })
 * const store: CacheStore = {
 *   get: (key) => redis.getBuffer(`prices:${key}`),
 *   set: (key, bytes, { ttlMs }) => redis.set(`prices:${key}`, bytes as Buffer, 'PX', ttlMs),
 *   delete: (key) => redis.del(`prices:${key}`),
 * }
 * ```
 */
export type CacheStore = {
  /** What was last set, or nothing. The caller may keep the bytes and write to them. */
  get(key: string): Found | PromiseLike<Found>
  /** The store may forget it at any time, and should after `ttlMs`, a whole number from 1. */
  set(key: string, bytes: Uint8Array, options: { ttlMs: number }): unknown
  delete(key: string): unknown
}

type Found = Uint8Array | null | undefined

/** Never rejects. */
export type CarefulStore = {
  get(key: string): Promise<Uint8Array | undefined>
  set(key: string, bytes: Uint8Array, ttlMs: number): Promise<void>
  delete(key: string): Promise<void>
}

/** How long one call may take; a look-up that is slower than this is slower than many a fetch. */
const PATIENCE_MS = 500
/** How long a store is left alone after that. */
const PAUSE_MS = 5_000
const TELL_EVERY_MS = 60_000

const careful = new WeakMap<CacheStore, CarefulStore>()

/** One for each store, whoever asks: trouble is told once and then at most once a minute. */
export function carefully(store: CacheStore): CarefulStore {
  const known = careful.get(store)
  if (known) return known
  const made = madeCareful(store, () => performance.now())
  careful.set(store, made)
  return made
}

/** `now` in ms of a monotonic clock. */
export function madeCareful(store: CacheStore, now: () => number): CarefulStore {
  let pausedUntil = Number.NEGATIVE_INFINITY
  let toldAt = Number.NEGATIVE_INFINITY
  const trouble = (what: string, error: unknown) => {
    if (error === TOO_SLOW) pausedUntil = now() + PAUSE_MS
    if (now() - toldAt < TELL_EVERY_MS) return
    toldAt = now()
    const reason = error === TOO_SLOW ? `it took longer than ${PATIENCE_MS} ms` : redact(messageOf(error))
    warn(`a cache's store cannot ${what}: ${reason}; fetching goes on without it`)
  }
  const attempt = async <T>(what: string, call: () => T): Promise<Awaited<T> | undefined> => {
    try {
      const given = call()
      return (isPromise(given) ? await inTime(given) : given) as Awaited<T>
    } catch (error) {
      trouble(what, error)
      return undefined
    }
  }
  return {
    async get(key) {
      if (now() < pausedUntil) return undefined
      const found = (await attempt('get', () => store.get(key))) ?? undefined
      if (found === undefined || found instanceof Uint8Array) return found
      trouble('get', new Error('it gave something else than bytes'))
      return undefined
    },
    async set(key, bytes, ttlMs) {
      if (now() < pausedUntil) return
      await attempt('set', () => store.set(key, bytes, { ttlMs: Math.max(1, Math.ceil(ttlMs)) }))
    },
    // Also while it is left alone: what is not deleted would be served.
    async delete(key) {
      await attempt('delete', () => store.delete(key))
    },
  }
}

const TOO_SLOW = Symbol('too slow')

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

async function inTime<T>(given: PromiseLike<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(reject, PATIENCE_MS, TOO_SLOW)
  })
  try {
    return await Promise.race([given, late])
  } finally {
    clearTimeout(timer)
  }
}
