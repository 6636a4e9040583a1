// The orderly end of a schedule: no new runs; the running one gets its time, then its signal, then no more patience.

import type { Alarm, Outside } from '#collector/schedule/alarm.ts'
import type { Runner } from '#collector/schedule/runner.ts'

/** How a schedule ended: nothing ran, or what ran ended in time; it ended when aborted; it did not even then. */
export type Stopped = 'finished' | 'aborted' | 'abandoned'

/** What an aborted run gets to clean up: with the default of 8 s and the flush of telemetry it makes 10 s. */
const UNWIND_MS = 500
/** What a timer can count. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export type Stopper = {
  /** Begins the end, or brings its deadline nearer. */
  stop(withinMs: number, reason?: unknown): void
  readonly stopped: Promise<Stopped>
}

export function prepareStop(alarm: Alarm, runner: Runner, { now, setTimer }: Outside, isRef: boolean): Stopper {
  const { promise: stopped, resolve } = Promise.withResolvers<Stopped>()
  let phase: 'on' | 'ending' | 'aborted' | 'over' = 'on'
  let deadline = Number.POSITIVE_INFINITY
  let cancelTimer = () => {}

  const finish = (how: Stopped) => {
    cancelTimer()
    phase = 'over'
    resolve(how)
  }
  const abort = (reason: unknown) => {
    phase = 'aborted'
    cancelTimer()
    cancelTimer = setTimer(() => finish('abandoned'), UNWIND_MS, isRef)
    runner.abort(reason)
  }
  const begin = () => {
    phase = 'ending'
    alarm.stop()
    runner.close(() => finish(phase === 'aborted' ? 'aborted' : 'finished'))
  }
  return {
    stopped,
    stop(withinMs, reason = new DOMException('the schedule stops', 'AbortError')) {
      if (phase === 'on') begin()
      if (phase !== 'ending' || now() + withinMs >= deadline) return
      deadline = now() + withinMs
      cancelTimer()
      if (withinMs === 0) abort(reason)
      else cancelTimer = setTimer(() => abort(reason), Math.min(withinMs, LONGEST_TIMER_MS), isRef)
    },
  }
}
