// When a schedule is due, as epoch milliseconds of the wall clock. Pure.

import { Cron } from 'croner'

export type Timetable = {
  /** The first due time after a moment; null when there is none before the year 3000. */
  next(after: number): number | null
  /** The last due time before a moment. */
  previous(before: number): number | null
  /**
   * What to take for the last due time at `now`. One that lies in the future was decided by a clock that has been set
   * back since: near enough, it stands and does not come due again; further ahead, counting begins anew from `now`.
   */
  credible(last: number, now: number): number
}

/** Due at the multiples of `everyMs` since 1970 in UTC; time zones and daylight saving do not touch it. */
export function everyTimetable(everyMs: number): Timetable {
  return {
    next: (after) => (Math.floor(after / everyMs) + 1) * everyMs,
    previous: (before) => (Math.ceil(before / everyMs) - 1) * everyMs,
    // A poller must not fall silent for the hour its clock was set back: at most until the tick after the next one,
    // which also keeps two runs at least one interval apart.
    credible: (last, now) => Math.min(last, (Math.floor(now / everyMs) + 1) * everyMs),
  }
}

/** Vixie cron's limit between a clock that is adjusted and one that was wrong. */
const CORRECTED_MS = 3 * 3_600_000

/**
 * Due when the wall clock of the time zone shows the pattern. When hours, minutes and seconds are all plain values,
 * lists or ranges, a time that daylight saving repeats is due once, at its first showing, and one that it leaves out is
 * due at the end of the gap, once. A pattern with `*` or a step means "so often": it goes on through the repeated hour,
 * and what is left out is not made up for. Throws what croner throws for a pattern that is none.
 */
export function cronTimetable(pattern: string, timezone: string): Timetable {
  const cron = new Cron(pattern, { timezone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard' })
  return {
    next: (after) => cron.nextRun(new Date(after))?.getTime() ?? null,
    previous: (before) => cron.previousRuns(1, new Date(before))[0]?.getTime() ?? null,
    credible: (last, now) => (last - now > CORRECTED_MS ? now : last),
  }
}
