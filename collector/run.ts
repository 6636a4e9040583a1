// What a job's function is handed: everything a cycle can do, each piece from the folder that does it.

import { type AttributeInput, attributeSetter, setAttribute, setCount } from '#collector/arguments.ts'
import { CYCLE } from '#model/attributes.ts'
import type { StepKind } from '#model/cycles.ts'
import { joined } from './budget.ts'
import { type CachedOptions, cachedIn } from './cache/values.ts'
import { fetchIn } from './fetch/fetches.ts'
import type { FetchPolicy } from './fetch/policy.ts'
import type { FetchOptions } from './fetch/requests.ts'
import type { FetchResult } from './fetch/responses.ts'
import { type MapOptions, type Mapped, mapIn } from './flow/map.ts'
import type { MapFunction } from './flow/mapping.ts'
import type { Ongoing } from './ongoing.ts'
import { type CheckOptions, checkIn } from './results/checks.ts'
import { type Collectors, type Gathered, type GatherOptions, gatherIn } from './results/gather.ts'
import type { Need } from './results/need.ts'
import type { CycleState } from './state/cycle-state.ts'
import { type Step, type StepOptions, stepIn } from './steps.ts'
import { type LogLevel, logIn } from './telemetry/events.ts'
import { progressIn } from './telemetry/progress.ts'
import { addCost, flagIn } from './telemetry/worth.ts'
import { type Db, type DbOptions, dbIn } from './writing/db.ts'

/** A running cycle, handed to the job's function. */
export type Run = CycleState & {
  readonly name: string
  /** 32 hex digits, as `cyclewatch cycle` takes them; zeros while no telemetry is started. */
  readonly traceId: string
  /** Aborts when the budget is used up, or the run is to end for another reason. */
  readonly signal: AbortSignal
  /** Fetches, as one step per attempt, and reads the whole answer. */
  fetch(url: string | URL, options?: FetchOptions): Promise<FetchResult>
  /** Runs a piece of work as a step. */
  step<T>(name: string, kind: StepKind, fn: (step: Step) => T | PromiseLike<T>, options?: StepOptions): Promise<T>
  /** Runs `fn` for every item, a few at a time; one that fails takes no other along. */
  map<T, R>(items: Iterable<T> | AsyncIterable<T>, options: MapOptions, fn: MapFunction<T, R>): Mapped<T, R>
  /** Runs collectors side by side and keeps what succeeded; what is missing makes the cycle partial. */
  gather<C extends Collectors, const N extends Need<keyof C & string> = 1>(
    collectors: C,
    options?: GatherOptions<N>,
  ): Promise<Gathered<C, N>>
  /** What `load` gave no longer ago than `ttlMs`, else what it gives now. */
  cached<T>(key: string, options: CachedOptions, load: () => T | PromiseLike<T>): Promise<T>
  /** Queries of a database, as one step each. */
  db(options: DbOptions): Db
  /** How many items the cycle yielded, a whole number; anything else is ignored. The last call counts. */
  items(count: number): void
  /** How many items it should have yielded, likewise. */
  expect(count: number): void
  /** Whether the data is as it should be; when not, the cycle is partial. Returns `ok`. */
  check(name: string, ok: boolean, options?: string | CheckOptions): boolean
  /** The cycle's result is kept although something is missing from it. An error that leaves the cycle outweighs it. */
  partial(reason: string): void
  /** An attribute of the cycle's root span; undefined and null are ignored, and so are more than 100 keys. */
  set(key: string, value: AttributeInput): void
  /** Which variant of a feature flag this cycle follows, so that cycles can be compared by it. */
  flag(key: string, value: string | number | boolean): void
  /** What something cost, in the currency the job counts in; amounts add up. */
  cost(amount: number): void
  /** How far the cycle is. */
  progress(done: number, total?: number): void
  /** A line in the cycle's log, at the step whose code calls it. */
  log(level: LogLevel, message: string, attributes?: Record<string, AttributeInput>): void
}

/** `becomePartial` hears that the outcome is no better than that. */
export function runOf(ongoing: Ongoing, policy: FetchPolicy, state: CycleState, becomePartial: () => void): Run {
  const { span, name, budget } = ongoing
  const set = attributeSetter(span)
  const partial = partialOf(ongoing, becomePartial)
  return {
    ...state,
    name,
    traceId: span.spanContext().traceId,
    signal: budget.signal,
    fetch: (url, options) => fetchIn(ongoing, policy, url, options),
    step: (stepName, kind, fn, options) => stepIn(ongoing, stepName, kind, fn, options),
    map: (items, options, fn) => mapIn(ongoing, items, { ...options, signal: joined(budget, options.signal) }, fn),
    gather: (collectors, options) => gatherIn(ongoing, collectors, options, partial),
    cached: (key, options, load) => cachedIn(ongoing, key, options, load),
    db: (options) => dbIn(ongoing, options),
    items: (count) => setCount(span, CYCLE.items, count, `items of cycle '${name}'`),
    expect: (count) => setCount(span, CYCLE.itemsExpected, count, `expect of cycle '${name}'`),
    check: (checkName, ok, options) => checkIn(ongoing, checkName, ok, options, partial),
    partial,
    set,
    flag: (key, value) => flagIn(ongoing, set, key, value),
    cost: (amount) => addCost(ongoing, amount),
    progress: (done, total) => progressIn(ongoing, done, total),
    log: (level, message, attributes) => logIn(ongoing, level, message, attributes),
  }
}

const MOST_REASONS = 10

/** Every reason counts; the same one again says nothing new. */
function partialOf({ span }: Ongoing, becomePartial: () => void): (reason: string) => void {
  const reasons = new Set<string>()
  return (reason) => {
    becomePartial()
    if (!reason || reasons.size >= MOST_REASONS) return
    reasons.add(reason)
    setAttribute(span, CYCLE.partialReason, [...reasons].join('; '))
  }
}
