// Time ranges. A cycle belongs to the window in which it ended; windows hold their start and not their end.

import { BadInput } from './errors.ts'

/** Epoch milliseconds, `from` included, `to` not. */
export type Window = { from: number; to: number }

/** More windows than this in one series are a mistake (a step of 1 ms), not a chart. */
export const MAX_WINDOWS = 10_000

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
