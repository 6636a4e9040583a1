// When the next segment of a signal is due. Pure; times are milliseconds of one clock.

import type { Signal } from '#storage/signals.ts'

/**
 * ClickHouse wants few large inserts: with more than one a second of small ones it falls behind merging. One of metrics,
 * which are read less eagerly, goes into five tables.
 */
const PACE_MS: Record<Signal, number> = { traces: 1_000, logs: 1_000, metrics: 5_000 }

const FIRST_RETRY_MS = 250
const LONGEST_RETRY_MS = 5_000

/**
 * `queued` says of the complete segments, in their order, which are full, `open` says whether there is one that still grows,
 * `sending` how many are on their way. `lastStart` is when the last one began, `restUntil` when a failure is over.
 */
export type Situation = {
  signal: Signal
  queued: boolean[]
  open: boolean
  sending: number
  lastStart: number
  restUntil: number
  /** Going to stop: whatever there is is due. */
  finishing: boolean
}

export type Due = { due: 'queued'; index: number } | { due: 'open' } | { due: 'later'; ms: number }

/** Full segments are due at once, smaller ones one at a time and a pace apart; after a failure nothing is for a while. */
export function whatIsDue(situation: Situation, now: number): Due {
  const { signal, queued, open, sending, lastStart, restUntil, finishing } = situation
  if (now < restUntil) return { due: 'later', ms: restUntil - now }
  const full = queued.indexOf(true)
  if (full >= 0) return { due: 'queued', index: full }
  if (sending > 0 || (queued.length === 0 && !open)) return { due: 'later', ms: Number.POSITIVE_INFINITY }
  const paceEnds = lastStart + PACE_MS[signal]
  if (now < paceEnds && !finishing) return { due: 'later', ms: paceEnds - now }
  return queued.length > 0 ? { due: 'queued', index: 0 } : { due: 'open' }
}

/** How long to rest after so many failures in a row; `random` from 0 to 1 keeps several senders out of step. */
export function restAfter(failures: number, random: number): number {
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1)) * (0.5 + random / 2)
}
