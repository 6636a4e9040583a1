// cycle: one run of a job, as the root span of a new trace.

import { type Attributes, context, type Link, trace } from '@opentelemetry/api'
import { CYCLE } from '#model/attributes.ts'
import type { Outcome, StepKind } from '#model/cycles.ts'
import {
  type AttributeInput,
  attributeSetter,
  checkFunction,
  checkName,
  checkOneOf,
  setAttribute,
  setCount,
} from './arguments.ts'
import { meanOver } from './concurrency.ts'
import { outcomeOf, recordFault } from './faults.ts'
import { fetchIn } from './fetches.ts'
import { begin, type Ongoing } from './ongoing.ts'
import type { FetchOptions } from './requests.ts'
import type { FetchResult } from './responses.ts'
import { type Step, type StepOptions, stepIn } from './steps.ts'
import { flushSoon } from './telemetry.ts'
import { noTotals, totalAttributes } from './totals.ts'
import { usageAttributes } from './usage.ts'

const TRIGGERS = ['schedule', 'manual', 'ci'] as const
export type Trigger = (typeof TRIGGERS)[number]

export type CycleOptions = {
  /** What started this run. Default: schedule. */
  trigger?: Trigger | undefined
}

/** A running cycle, handed to the job's function. */
export type Run = {
  readonly name: string
  /** 32 hex digits, as `cyclewatch cycle` takes them; zeros while no telemetry is started. */
  readonly traceId: string
  /** Fetches, as one step per attempt, and reads the whole answer. */
  fetch(url: string | URL, options?: FetchOptions): Promise<FetchResult>
  /** Runs a piece of work as a step. */
  step<T>(name: string, kind: StepKind, fn: (step: Step) => T | PromiseLike<T>, options?: StepOptions): Promise<T>
  /** How many items the cycle yielded, a whole number; anything else is ignored. The last call counts. */
  items(count: number): void
  /** How many items it should have yielded, likewise. */
  expect(count: number): void
  /** The cycle's result is kept although something is missing from it. An error that leaves the cycle outweighs it. */
  partial(reason: string): void
  /** An attribute of the cycle's root span; undefined and null are ignored, and so are more than 100 keys. */
  set(key: string, value: AttributeInput): void
}

/**
 * Runs `fn` as one cycle; returns its value, or rethrows what it threw, unchanged. Whatever trace it is called from
 * becomes a link, not a parent. Rejects with BadInput, without running `fn`, for an empty name or an unknown trigger.
 */
export async function cycle<T>(
  name: string,
  fn: (run: Run) => T | PromiseLike<T>,
  { trigger = 'schedule' }: CycleOptions = {},
): Promise<T> {
  checkName(name, 'the name of a cycle')
  checkFunction(fn, `cycle '${name}'`)
  checkOneOf(trigger, TRIGGERS, `the trigger of cycle '${name}'`)
  const ongoing = open(name, trigger)
  let outcome: Outcome = 'ok'
  const run = runOf(ongoing, () => {
    outcome = 'partial'
  })
  try {
    return await context.with(ongoing.context, fn, undefined, run)
  } catch (error) {
    outcome = outcomeOf(error)
    recordFault(ongoing.span, error)
    throw error
  } finally {
    close(ongoing, outcome)
    flushSoon()
  }
}

/** What `close` overwrites: a span full of others' attributes takes no new ones. */
const PLACES: Attributes = {
  [CYCLE.outcome]: 'ok' satisfies Outcome,
  ...totalAttributes(noTotals()),
  [CYCLE.concurrencyMean]: 0,
  [CYCLE.cpuMs]: 0,
  [CYCLE.memoryPeakBytes]: 0,
}

function open(name: string, trigger: Trigger): Ongoing {
  const tracer = trace.getTracer('cyclewatch')
  const around = trace.getSpanContext(context.active())
  const links: Link[] = around && trace.isSpanContextValid(around) ? [{ context: around }] : []
  const attributes = { [CYCLE.name]: name, [CYCLE.trigger]: trigger, ...PLACES }
  return begin(name, tracer, (startTime) => tracer.startSpan(name, { root: true, links, attributes, startTime }))
}

function close(ongoing: Ongoing, outcome: Outcome): void {
  const { span, gauge, startedAt, epochOffset, totals, usage } = ongoing
  const endedAt = performance.now()
  if (span.isRecording()) {
    span.setAttributes({
      [CYCLE.outcome]: outcome,
      ...totalAttributes(totals),
      [CYCLE.concurrencyMean]: Math.round(meanOver(gauge, startedAt, endedAt) * 1_000) / 1_000,
      ...usageAttributes(usage),
    })
  }
  span.end(endedAt + epochOffset)
}

function runOf(ongoing: Ongoing, becomePartial: () => void): Run {
  const { span, name } = ongoing
  return {
    name,
    traceId: span.spanContext().traceId,
    fetch: (url, options) => fetchIn(ongoing, url, options),
    step: (stepName, kind, fn, options) => stepIn(ongoing, stepName, kind, fn, options),
    items: (count) => setCount(span, CYCLE.items, count, `items of cycle '${name}'`),
    expect: (count) => setCount(span, CYCLE.itemsExpected, count, `expect of cycle '${name}'`),
    partial(reason) {
      becomePartial()
      setAttribute(span, 'cycle.partial.reason', reason || undefined)
    },
    set: attributeSetter(span),
  }
}
