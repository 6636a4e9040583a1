// Where the time of one request attempt went. Pure: times in, durations out, all in milliseconds of one monotonic clock.

import type { Phase } from '#model/attributes.ts'

/** How a connection came to be. A moment that never came is absent; without TLS `securedAt` stays absent. */
export type Opening = { begunAt: number; lookedUpAt?: number; connectedAt?: number; securedAt?: number }

/**
 * The moments of one attempt, as far as it came. `opening` only when the attempt opened its connection,
 * or failed to; it may have begun before the attempt did, on behalf of another that found a faster way.
 */
export type Timeline = { calledAt: number; sentAt?: number; headersAt?: number; endedAt: number; opening?: Opening }

/**
 * How long each phase lasted. They follow each other, so their sum is the attempt's duration.
 * Whatever is neither opening a connection nor waiting for the server is `queue`.
 */
export function phasesOf({ calledAt, sentAt, headersAt, endedAt, opening }: Timeline): Partial<Record<Phase, number>> {
  const phases: Partial<Record<Phase, number>> = {}
  const readyAt = sentAt ?? endedAt
  const opened = opening ? openingPhases(opening, calledAt, readyAt, sentAt === undefined) : {}
  const openingMs = Object.values(opened).reduce((sum, value) => sum + value, 0)
  phases.queue = rounded(readyAt - calledAt - openingMs)
  for (const [phase, value] of Object.entries(opened)) phases[phase as Phase] = rounded(value)
  if (sentAt !== undefined) phases.ttfb = rounded((headersAt ?? endedAt) - sentAt)
  if (headersAt !== undefined) phases.download = rounded(endedAt - headersAt)
  return phases
}

/** Each stage ends where the next begins. A failed opening spends the rest of its time in the one it did not get out of. */
function openingPhases(
  { begunAt, lookedUpAt, connectedAt, securedAt }: Opening,
  from: number,
  to: number,
  failed: boolean,
): Partial<Record<Phase, number>> {
  const inside = (moment: number) => Math.min(Math.max(moment, from), to)
  const stages = [
    ['dns', lookedUpAt],
    ['connect', connectedAt],
    ['tls', securedAt],
  ] as const
  const phases: Partial<Record<Phase, number>> = {}
  let reached = inside(begunAt)
  for (const [stage, endedAt] of stages) {
    if (endedAt === undefined) {
      if (failed) phases[stage] = to - reached
      break
    }
    phases[stage] = inside(endedAt) - reached
    reached = inside(endedAt)
  }
  return phases
}

/** To the microsecond: more is noise and makes the exported text longer. Clocks of sockets may differ by one tick. */
function rounded(ms: number): number {
  return Math.max(0, Math.round(ms * 1_000) / 1_000)
}
