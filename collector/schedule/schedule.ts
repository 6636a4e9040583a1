// schedule: a job's cycles at their due times, one at a time, until told to stop.

import { checkFunction, checkName } from '#collector/arguments.ts'
import type { Run } from '#collector/run.ts'
import { type Outside, setAlarm } from '#collector/schedule/alarm.ts'
import { resolveSchedule, type ScheduleOptions, type Settings } from '#collector/schedule/options.ts'
import { type Occasion, startRunner } from '#collector/schedule/runner.ts'
import { stopAt } from '#collector/schedule/signals.ts'
import { prepareStop, type Stopped, type Stopper } from '#collector/schedule/stopping.ts'
import { BadInput } from '#model/errors.ts'

export type Schedule = AsyncDisposable & {
  readonly name: string
  /** The next due time, before jitter; null once the schedule stops. */
  next(): Date | null
  /** How many of its cycles run now: 0 or 1. */
  readonly running: number
  /**
   * Starts no more runs, those waiting in line included, gives the running one `withinMs` (default: the option
   * `stopWithin`), then aborts its signal, and gives up on it half a second later. Another call can only shorten this.
   */
  stop(options?: { withinMs?: number | undefined }): Promise<Stopped>
  /** Resolves when it has stopped, for whatever reason. Never rejects. */
  readonly ended: Promise<void>
}

const OUTSIDE: Outside = {
  now: Date.now,
  setTimer(ring, ms, isRef) {
    const timer = setTimeout(ring, ms)
    if (!isRef) timer.unref()
    return () => clearTimeout(timer)
  },
  random: Math.random,
}

/**
 * Runs `run` as a cycle of this name whenever it is due by the wall clock, without drift. A run that fails stops
 * nothing: its trace and `onError` tell of it. Two runs never overlap; `run.signal` aborts when the next one is to start
 * (overlap `cancel`) and when the time for an orderly stop is over. Keeps the process alive unless `unref`.
 * Throws BadInput with every wrong option.
 */
export function schedule(
  name: string,
  options: ScheduleOptions,
  run: (run: Run, occasion: Occasion) => unknown,
  outside: Outside = OUTSIDE,
): Schedule {
  checkName(name, 'the name of a schedule')
  checkFunction(run, `schedule '${name}'`)
  const settings = resolveSchedule(name, options)
  const { rules, eachCycle, onError, stopWithinMs } = settings
  const runner = startRunner({ name, run, rules, eachCycle, onError, now: outside.now })
  const alarm = setAlarm(settings, outside, runner.comeDue)
  const stopper = prepareStop(alarm, runner, outside, !settings.unref)
  const ended = stopWhenTold(settings, stopper)

  const stop = async ({ withinMs = stopWithinMs }: { withinMs?: number | undefined } = {}) => {
    if (typeof withinMs !== 'number' || !(withinMs >= 0)) {
      throw new BadInput(`withinMs of stop() is ${String(withinMs)}; it must be a number of milliseconds from 0`)
    }
    stopper.stop(withinMs)
    const how = await stopper.stopped
    await ended
    return how
  }
  return {
    name,
    next: () => dateOf(alarm.next()),
    get running() {
      return runner.running()
    },
    stop,
    ended,
    [Symbol.asyncDispose]: async () => {
      await stop()
    },
  }
}

/** Listens to whoever may end the schedule from outside, until it has ended. */
function stopWhenTold({ stopOn, stopWithinMs, signal }: Settings, { stop, stopped }: Stopper): Promise<void> {
  const onAbort = () => stop(0, signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted) onAbort()
  const onEnded = stopAt(
    stopOn,
    () => stop(stopWithinMs),
    () => stop(0),
  )
  return stopped.then(() => {
    signal?.removeEventListener('abort', onAbort)
    onEnded()
  })
}

function dateOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms)
}
