// Time ranges. A cycle belongs to the window in which it ended; windows hold their start and not their end.

import { BadInput } from './errors.ts'

/** Epoch milliseconds, `from` included, `to` not. */
export type Window = { from: number; to: number }

/** More windows than this in one series are a mistake (a step of 1 ms), not a chart. */
const MAX_WINDOWS = 10_000

/**
 * The windows of a rolling series, oldest first: one ends at `range.to`, the others every `stepMs` before it,
 * as long as their end lies inside the range. Each is `lengthMs` long, so neighbours overlap when that exceeds the step.
 */
export function rollingWindows(range: Window, lengthMs: number, stepMs: number): Window[] {
  const count = Math.ceil((range.to - range.from) / stepMs)
  if (count > MAX_WINDOWS) {
    throw new BadInput(`the series would have ${count} windows; at most ${MAX_WINDOWS} are allowed, take a longer step`)
  }
  return Array.from({ length: count }, (_, index) => {
    const to = range.to - (count - 1 - index) * stepMs
    return { from: to - lengthMs, to }
  })
}

/** Nanoseconds since 1970 in 64 bits, which is how times are stored, end in April 2262. */
const LATEST = Date.UTC(2262, 0, 1)

/**
 * Epoch milliseconds of an RFC 3339 time (`2026-11-01T08:00:00Z`, any offset) or of a date alone, which is its first
 * moment in UTC. Throws BadInput for anything else, also for days that do not exist and for times that
 * cannot be stored.
 */
export function parseInstant(text: string): number {
  const [, day] =
    /^(\d{4}-\d{2}-\d{2})(?:[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2}))?$/.exec(text.trim()) ?? []
  const instant = Date.parse(text.trim().toUpperCase())
  if (day === undefined || Number.isNaN(instant) || !isDay(day)) {
    throw new BadInput(`'${text}' is not a time; write 2026-11-01 or 2026-11-01T08:00:00Z`)
  }
  if (instant < 0 || instant > LATEST) throw new BadInput(`'${text}' is not between 1970 and 2261`)
  return instant
}

// JavaScript takes February 30 for March 2.
function isDay(day: string): boolean {
  const midnight = new Date(`${day}T00:00:00Z`)
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(day)
}
