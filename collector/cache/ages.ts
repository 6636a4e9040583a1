// How old something kept is. The wall clock alone may be set back, and the monotonic one means nothing to another process:
// whoever kept it and reads it itself goes by both, others by the wall clock as long as it makes sense.

import { randomUUID } from 'node:crypto'

/** Both in ms: since 1970, and since whenever. */
export type Clock = { epoch(): number; monotonic(): number }

/** Looked up at each call, so that a test may set the time. */
export const SYSTEM_CLOCK: Clock = { epoch: () => Date.now(), monotonic: () => performance.now() }

/** Plain data, kept beside what it dates. */
export type Moment = { epochMs: number; monotonicMs: number; process: string }

const THIS_PROCESS: string = randomUUID()

/** The moment `ageMs` ago. */
export function momentOf(clock: Clock, ageMs = 0, process = THIS_PROCESS): Moment {
  return { epochMs: clock.epoch() - ageMs, monotonicMs: clock.monotonic() - ageMs, process }
}

/**
 * Never less than it is, as long as nobody sets the clock back between two processes; undefined when the age cannot be
 * known, because the moment lies in the future.
 */
export function ageOf(moment: Moment, clock: Clock, process = THIS_PROCESS): number | undefined {
  const byWall = clock.epoch() - moment.epochMs
  if (moment.process !== process) return byWall >= 0 ? byWall : undefined
  return Math.max(0, byWall, clock.monotonic() - moment.monotonicMs)
}

export function isMoment(value: unknown): value is Moment {
  const { epochMs, monotonicMs, process } = (value ?? {}) as Record<string, unknown>
  return Number.isFinite(epochMs) && Number.isFinite(monotonicMs) && typeof process === 'string'
}
