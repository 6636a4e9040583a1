// How long something kept may be served: fresh, stale while a new one is fetched, stale because fetching fails. Pure.

import { checkMs } from '#collector/amounts.ts'

/** The two windows of RFC 5861 both begin where the time to live ends. */
export type FreshnessOptions = {
  ttlMs: number
  /** How much longer it is served at once while it is renewed in the background. Default: 0. */
  staleWhileRevalidateMs?: number | undefined
  /** How much longer it is served when renewing it fails. Default: 0. */
  staleIfErrorMs?: number | undefined
}

export type Freshness = { ttlMs: number; whileRevalidateMs: number; ifErrorMs: number }

/** Throws BadInput for what is no time. */
export function freshnessOf(options: FreshnessOptions, whose: string): Freshness {
  const { ttlMs, staleWhileRevalidateMs = 0, staleIfErrorMs = 0 } = options ?? {}
  return {
    ttlMs: checkMs(ttlMs, `ttlMs of ${whose}`),
    whileRevalidateMs: checkMs(staleWhileRevalidateMs, `staleWhileRevalidateMs of ${whose}`, { mayBeZero: true }),
    ifErrorMs: checkMs(staleIfErrorMs, `staleIfErrorMs of ${whose}`, { mayBeZero: true }),
  }
}

/** `expired` may still be good enough when fetching fails. */
export type Stage = 'fresh' | 'stale' | 'expired'

export function stageOf(ageMs: number, { ttlMs, whileRevalidateMs }: Freshness): Stage {
  if (ageMs <= ttlMs) return 'fresh'
  return ageMs <= ttlMs + whileRevalidateMs ? 'stale' : 'expired'
}

export function servesErrors(ageMs: number, { ttlMs, ifErrorMs }: Freshness): boolean {
  return ageMs <= ttlMs + ifErrorMs
}

/** How long a store should keep it. */
export function keptMs({ ttlMs, whileRevalidateMs, ifErrorMs }: Freshness): number {
  return ttlMs + Math.max(whileRevalidateMs, ifErrorMs)
}
