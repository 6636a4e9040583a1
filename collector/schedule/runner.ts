// Runs what comes due, one cycle at a time, each of which says how late it is and what did not run before it.

import { type CycleOptions, cycle } from '#collector/cycles.ts'
import type { Run } from '#collector/run.ts'
import type { Came } from '#collector/schedule/due.ts'
import { comeDue, end, IDLE, type Line, type Move, type Rules, type Start } from '#collector/schedule/line.ts'
import { warn } from '#collector/telemetry/trouble.ts'
import { milliseconds } from '#collector/totals.ts'
import { messageOf } from '#model/errors.ts'

/** Attributes of the root span of a scheduled cycle, beside those of design.md section 6. */
export const SCHEDULE = {
  /** When the run was due, RFC 3339. */
  due: 'cycle.schedule.due',
  /** How much later than due, jitter not counted, it began. */
  delayMs: 'cycle.schedule.delay_ms',
  jitterMs: 'cycle.schedule.jitter_ms',
  /** Due times since the last run that were skipped because a cycle was still running. */
  skipped: 'cycle.schedule.skipped',
  /** Due times since the last run that went by while nobody was awake, and are not caught up with. */
  missed: 'cycle.schedule.missed',
  /** This run was missed, and is one that is caught up with. */
  caughtUp: 'cycle.schedule.caught_up',
} as const

/** What a run is told beside its cycle. */
export type Occasion = {
  /** When it was due; what the run fetches can be cut by it, whenever it really began. */
  readonly due: Date
}

/** The options of `cycle` that the schedule does not decide itself. */
export type EachCycle = Omit<CycleOptions, 'trigger' | 'signal'>

export type Job = {
  name: string
  run: (run: Run, occasion: Occasion) => unknown
  rules: Rules
  eachCycle: EachCycle
  onError: (error: unknown, failed: { name: string; due: Date }) => unknown
  now: () => number
}

export type Runner = {
  comeDue(came: Came): void
  running(): number
  /** Starts nothing any more; `onIdle` is called once nothing runs, at once if nothing does. */
  close(onIdle: () => void): void
  abort(reason: unknown): void
}

export function startRunner(job: Job): Runner {
  let line: Line = IDLE
  let controller: AbortController | null = null
  let whenIdle: (() => void) | null = null

  const follow = (move: Move) => {
    line = move.line
    if (move.cancel) controller?.abort(new DOMException('the next run has come due', 'TimeoutError'))
    if (move.start) void begin(move.start)
  }
  const begin = async (start: Start) => {
    controller = new AbortController()
    await perform(job, start, controller.signal)
    controller = null
    if (whenIdle) whenIdle()
    else follow(end(line))
  }
  return {
    comeDue({ newest, missed }) {
      const tick = { due: newest.due, jitterMs: newest.startAt - newest.due, caughtUp: false }
      if (!whenIdle) follow(comeDue(line, tick, missed, job.rules))
    },
    running: () => (controller ? 1 : 0),
    close(onIdle) {
      whenIdle = onIdle
      if (!controller) onIdle()
    },
    abort: (reason) => controller?.abort(reason),
  }
}

/** Never rejects: what a run throws is in its trace. */
async function perform(job: Job, start: Start, signal: AbortSignal): Promise<void> {
  const { name, run, eachCycle } = job
  const due = new Date(start.tick.due)
  try {
    const scheduled = (ongoing: Run) => {
      describe(ongoing, start, job.now())
      return run(ongoing, { due })
    }
    await cycle(name, scheduled, { ...eachCycle, trigger: 'schedule', signal })
  } catch (error) {
    void tellFailure(job, error, due)
  }
}

/** The next run does not wait for whoever hears of it. */
async function tellFailure({ name, onError }: Job, error: unknown, due: Date): Promise<void> {
  try {
    await onError(error, { name, due })
  } catch (trouble) {
    warn(`onError of schedule '${name}' failed: ${messageOf(trouble)}`)
  }
}

function describe(run: Run, { tick, skipped, missed }: Start, now: number): void {
  run.set(SCHEDULE.due, new Date(tick.due).toISOString())
  run.set(SCHEDULE.delayMs, milliseconds(Math.max(0, now - tick.due - tick.jitterMs)))
  run.set(SCHEDULE.jitterMs, tick.jitterMs || undefined)
  run.set(SCHEDULE.skipped, skipped)
  run.set(SCHEDULE.missed, missed)
  run.set(SCHEDULE.caughtUp, tick.caughtUp || undefined)
}
