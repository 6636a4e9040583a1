// What has come due since we last looked, and when to look again: after a good sleep, a bad one, or a change of the
// clock. Pure; times are epoch milliseconds of the wall clock.

import type { Timetable } from '#collector/schedule/timetable.ts'

/** When the next run is due, and when it starts: later than that by its share of the jitter. */
export type Plan = { due: number; startAt: number }

/** Everything up to `last` is dealt with. */
export type Position = { last: number; plan: Plan | null }

/** `missed` are the due times nobody was awake for, oldest first: a later one, `newest`, has come due as well. */
export type Came = { newest: Plan; missed: number[] }

/** Beyond this many, older missed times are not even counted: a second's pattern after a year asleep has 31 million. */
const MOST_COUNTED = 1_000

export type Jitter = { upToMs: number; random: () => number }

/** Where the schedule stands at `now`, and what has come due by then, if anything. */
export function lookAt(
  now: number,
  position: Position,
  timetable: Timetable,
  jitter: Jitter,
): { position: Position; came: Came | null } {
  const last = timetable.credible(position.last, now)
  const plan = last === position.last && position.plan ? position.plan : planAfter(last, timetable, jitter)
  if (!plan || now < plan.startAt) return { position: { last, plan }, came: null }
  const missed = dueBetween(last, now, timetable)
  const newest = missed.pop() ?? plan.due
  return {
    position: { last: newest, plan: planAfter(newest, timetable, jitter) },
    came: { newest: newest === plan.due ? plan : { due: newest, startAt: newest }, missed },
  }
}

/** The jitter of a run ends before the next one is due, so that runs neither meet nor change places. */
function planAfter(last: number, timetable: Timetable, { upToMs, random }: Jitter): Plan | null {
  const due = timetable.next(last)
  if (due === null) return null
  if (upToMs === 0) return { due, startAt: due }
  const room = (timetable.next(due) ?? Number.POSITIVE_INFINITY) - due
  return { due, startAt: due + Math.floor(random() * Math.min(upToMs, room)) }
}

/** The due times after `last` up to `now`, oldest first; of very many the newest. */
function dueBetween(last: number, now: number, timetable: Timetable): number[] {
  const times: number[] = []
  let time = timetable.previous(now + 1)
  while (time !== null && time > last && times.length <= MOST_COUNTED) {
    times.push(time)
    time = timetable.previous(time)
  }
  return times.reverse()
}
