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
 * `queued` says what the complete segments are, in their order; `failed` are those that have been tried since anything was
 * stored. `open` says whether there is one that still grows, `retried` whether the last one sent had failed before,
 * `sending` how many are on their way. `lastStart` is when the last one began, `restUntil` when a failure is over.
 */
export type Situation = {
  signal: Signal
  queued: ('full' | 'small' | 'failed')[]
  open: boolean
  retried: boolean
  sending: number
  lastStart: number
  restUntil: number
  /** Going to stop: whatever there is is due. */
  finishing: boolean
}

export type Due = { due: 'queued'; index: number } | { due: 'open' } | { due: 'later'; ms: number }

/** What one of them hinders need not hinder the others, but an outage shall not leave many small ones. */
const MOST_FAILED = 8

/**
 * Full segments are due at once; others one at a time and a pace apart, those that failed in turns with what still grows.
 * After a failure nothing is due for a while.
 */
export function whatIsDue(situation: Situation, now: number): Due {
  const { signal, queued, open, retried, sending, lastStart, restUntil, finishing } = situation
  if (now < restUntil) return { due: 'later', ms: restUntil - now }
  const full = queued.indexOf('full')
  if (full >= 0) return { due: 'queued', index: full }
  if (sending > 0 || (queued.length === 0 && !open)) return { due: 'later', ms: Number.POSITIVE_INFINITY }
  const paceEnds = lastStart + PACE_MS[signal]
  if (now < paceEnds && !finishing) return { due: 'later', ms: paceEnds - now }
  const small = queued.indexOf('small')
  if (small >= 0) return { due: 'queued', index: small }
  if (queued.length === 0 || (open && retried && queued.length < MOST_FAILED)) return { due: 'open' }
  return { due: 'queued', index: 0 }
}

/** How long to rest after so many failures in a row; `random` from 0 to 1 keeps several senders out of step. */
export function restAfter(failures: number, random: number): number {
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1)) * (0.5 + random / 2)
}
