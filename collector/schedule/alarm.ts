// Looks at the clock when a run should start, and often enough in between to notice that the clock has changed.

import { type Came, type Jitter, lookAt, type Position } from '#collector/schedule/due.ts'
import type { Timetable } from '#collector/schedule/timetable.ts'

/** Time and chance, as the process has them or as a test makes them. */
export type Outside = {
  /** Epoch milliseconds of the wall clock. */
  now(): number
  /** Calls `ring` once after about so many milliseconds; returns what prevents it. `isRef`: the process waits for it. */
  setTimer(ring: () => void, ms: number, isRef: boolean): () => void
  random(): number
}

/**
 * Timers count time that passes, and stand still while the machine sleeps: none is set for longer than this, so that a
 * clock that was set, or a laptop that wakes up, is noticed this soon. It also keeps below what a timer can count.
 */
const LONGEST_SLEEP_MS = 10_000

export type Alarm = {
  /** The next due time; null when there is none, or no more. */
  next(): number | null
  stop(): void
}

type Plans = {
  timetable: Timetable
  jitterMs: number
  immediately: boolean
  lastDue: number | null
  unref: boolean
}

/** Calls `onDue` for what comes due, never before this returns. */
export function setAlarm(
  { timetable, jitterMs, immediately, lastDue, unref }: Plans,
  { now, setTimer, random }: Outside,
  onDue: (came: Came) => void,
): Alarm {
  const jitter: Jitter = { upToMs: jitterMs, random }
  let position: Position = { last: lastDue ?? now(), plan: null }
  let isFirst = immediately
  let cancel = () => {}
  let isStopped = false

  const look = () => {
    const at = now()
    const looked = lookAt(at, position, timetable, jitter)
    const came = looked.came ?? (isFirst ? { newest: { due: at, startAt: at }, missed: [] } : null)
    position = looked.position
    isFirst = false
    // Set first: whatever `onDue` starts may hold the event loop or stop the schedule.
    if (position.plan) sleep(position.plan.startAt - at)
    if (came) onDue(came)
  }
  const sleep = (ms: number) => {
    cancel = setTimer(look, Math.min(Math.max(ms, 0), LONGEST_SLEEP_MS), !unref)
  }
  sleep(0)

  return {
    next: () => (isStopped ? null : (position.plan?.due ?? timetable.next(position.last))),
    stop() {
      isStopped = true
      cancel()
    },
  }
}
