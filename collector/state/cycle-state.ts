// The state of a cycle while it runs: joined to its steps and told in its trace.

import { setAttribute } from '#collector/arguments.ts'
import type { Ongoing } from '#collector/ongoing.ts'
import { redact } from '#collector/redact.ts'
import type { CheckpointOptions } from '#collector/state/checkpoints.ts'
import type { Mark } from '#collector/state/moments.ts'
import type { Key, UnseenOptions } from '#collector/state/seen.ts'
import { type RunState, type State, type StateNews, stateOf } from '#collector/state/state.ts'
import type { Watermark } from '#collector/state/watermarks.ts'
import { stepIn } from '#collector/steps.ts'
import type { Outcome } from '#model/cycles.ts'
import { BadInput, messageOf } from '#model/errors.ts'

/** What `run` offers of it. Without a state each of these throws BadInput that says how to give one. */
export type CycleState = {
  /**
   * The items whose key no earlier run had that ended well, each key once in a run. They count as seen when this run ends
   * as ok or partial. A step of kind compute. Rejects with Unavailable when the file cannot be read.
   */
  unseen<T>(items: Iterable<T>, key: (item: T) => Key, options?: UnseenOptions): Promise<T[]>
  /** These were not dealt with: the next run sees them again, although this one may end well. */
  again<T>(items: Iterable<T>, key: (item: T) => Key, options?: Pick<UnseenOptions, 'name'>): void
  /** The greatest value of a name. Its advances count when this run ends as ok or partial. */
  watermark<T extends Mark>(name: string): Watermark<T>
  /**
   * The result of `fn`, on the disk the moment it is there: until a run of this cycle ends as ok or partial, the same key
   * gives it without running `fn`. Always as it comes back from JSON, so that a first and a later run get the same. Calls
   * with one key at a time share one run of `fn`. An error of `fn` is passed on and not kept; a result that cannot be
   * written down is handed out all the same.
   */
  checkpoint<T>(key: string, fn: () => T | PromiseLike<T>, options?: CheckpointOptions): Promise<T>
}

export type OngoingState = CycleState & {
  /**
   * Keeps what ended well, and returns the outcome to tell: partial in place of ok when it could not be kept, because
   * the next run then sees the same items again. Never throws.
   */
  end(outcome: Outcome): Outcome
}

/** Attributes of the root span. Taken ones are counted among all. */
export const STATE = {
  checkpoints: 'cycle.checkpoints',
  restored: 'cycle.checkpoints.restored',
  problem: 'cycle.state.problem',
} as const

/** A span takes 128 events, errors among them; further ones are counted. */
const MOST_EVENTS = 32

/** Begins a cycle's state; without one, what needs it says so. Throws Unavailable and BadInput as `openState` does. */
export function beginStateIn(ongoing: Ongoing, given: State | string | undefined): OngoingState {
  if (given === undefined) return stateless(ongoing.name)
  const run = stateOf(given).begin(ongoing.name, tellIn(ongoing))
  return {
    again: run.again,
    watermark: run.watermark,
    checkpoint: run.checkpoint,
    unseen: (items, key, options) =>
      stepIn(ongoing, options?.name === undefined ? 'unseen' : `unseen ${options.name}`, 'compute', (step) => {
        const all = [...items]
        const fresh = run.unseen(all, key, options)
        step.set('unseen.items', all.length)
        step.set('unseen.new', fresh.length)
        return fresh
      }),
    end: (outcome) => endIn(ongoing, run, outcome),
  }
}

function endIn(ongoing: Ongoing, run: RunState, outcome: Outcome): Outcome {
  const isGood = outcome === 'ok' || outcome === 'partial'
  try {
    if (isGood) run.commit()
    else run.abandon()
    return outcome
  } catch (error) {
    const problem = redact(messageOf(error))
    setAttribute(ongoing.span, STATE.problem, problem)
    if (outcome === 'ok') setAttribute(ongoing.span, 'cycle.partial.reason', problem)
    return isGood ? 'partial' : outcome
  }
}

function tellIn({ span }: Ongoing): (news: StateNews) => void {
  const counts = { all: 0, restored: 0, events: 0 }
  const event = (name: string, attributes: Record<string, string | number>) => {
    if (counts.events++ < MOST_EVENTS) span.addEvent(name, attributes)
  }
  return (news) => {
    if (news.what === 'reset') {
      event('state.reset', { 'state.message': redact(news.message) })
      setAttribute(span, STATE.problem, redact(news.message))
      return
    }
    counts.all += 1
    const key = redact(news.key)
    if (news.what === 'restored') {
      counts.restored += 1
      event('checkpoint.restored', { 'checkpoint.key': key, 'checkpoint.age_ms': news.ageMs })
    }
    if (news.what === 'lost') {
      const message = redact(messageOf(news.error))
      event('checkpoint.lost', { 'checkpoint.key': key, 'state.message': message })
      setAttribute(span, STATE.problem, message)
    }
    span.setAttributes({ [STATE.checkpoints]: counts.all, [STATE.restored]: counts.restored })
  }
}

function stateless(cycle: string): OngoingState {
  const missing = (method: string) => () => {
    throw new BadInput(`run.${method} needs a state that outlives cycle '${cycle}'; give it { state: './FILE' }`)
  }
  return {
    unseen: async () => missing('unseen')(),
    again: missing('again'),
    watermark: missing('watermark'),
    checkpoint: async () => missing('checkpoint')(),
    end: (outcome) => outcome,
  }
}
