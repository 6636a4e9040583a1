// cycle: one run of a job, as the root span of a new trace.

import { type Attributes, context, type Link, trace } from '@opentelemetry/api'
import { CYCLE } from '#model/attributes.ts'
import type { Outcome } from '#model/cycles.ts'
import { BadInput } from '#model/errors.ts'
import { checkFunction, checkName, checkOneOf } from './arguments.ts'
import { meanOver } from './concurrency.ts'
import { outcomeOf, recordFault } from './faults.ts'
import { defaultPolicy, type FetchPolicy } from './fetch/policy.ts'
import { begin, type Limited, type Ongoing } from './ongoing.ts'
import { type Run, runOf } from './run.ts'
import { beginStateIn, type OngoingState } from './state/cycle-state.ts'
import type { State } from './state/state.ts'
import { flushSoon } from './telemetry/telemetry.ts'
import { noTotals, totalAttributes } from './totals.ts'
import { closeUsage, usagePlaces } from './usage.ts'

const TRIGGERS = ['schedule', 'manual', 'ci'] as const
export type Trigger = (typeof TRIGGERS)[number]

export type CycleOptions = {
  /** What started this run. Default: schedule. */
  trigger?: Trigger | undefined
  /** How long the run may take in all: no fetch, retry or wait goes beyond it. Default: no limit. */
  budgetMs?: number | undefined
  /** Ends what the run is doing. */
  signal?: AbortSignal | undefined
  /** How fetches behave; see fetchPolicy. */
  fetch?: FetchPolicy | undefined
  /** What outlives the run (unseen, watermarks, checkpoints): a file, or what openState gave. */
  state?: State | string | undefined
}

/**
 * Runs `fn` as one cycle; returns its value, or rethrows what it threw, unchanged. Whatever trace it is called from
 * becomes a link, not a parent. Rejects with BadInput, without running `fn`, for an empty name or an unknown trigger.
 */
export async function cycle<T>(
  name: string,
  fn: (run: Run) => T | PromiseLike<T>,
  { trigger = 'schedule', budgetMs, signal, fetch = defaultPolicy(), state: kept }: CycleOptions = {},
): Promise<T> {
  checkName(name, 'the name of a cycle')
  checkFunction(fn, `cycle '${name}'`)
  checkOneOf(trigger, TRIGGERS, `the trigger of cycle '${name}'`)
  checkBudget(budgetMs, name)
  const ongoing = open(name, trigger, { budgetMs, signal })
  let outcome: Outcome = 'ok'
  let state: OngoingState | undefined
  try {
    state = beginStateIn(ongoing, kept)
    const run = runOf(ongoing, fetch, state, () => {
      outcome = 'partial'
    })
    return await context.with(ongoing.context, fn, undefined, run)
  } catch (error) {
    outcome = outcomeOf(error)
    recordFault(ongoing.span, error)
    throw error
  } finally {
    close(ongoing, state?.end(outcome) ?? outcome)
    flushSoon()
  }
}

/** What `close` overwrites: a span full of others' attributes takes no new ones. */
const PLACES: Attributes = {
  [CYCLE.outcome]: 'ok' satisfies Outcome,
  ...totalAttributes(noTotals()),
  [CYCLE.concurrencyMean]: 0,
  ...usagePlaces(),
}

function checkBudget(budgetMs: unknown, name: string): void {
  if (budgetMs === undefined || (typeof budgetMs === 'number' && budgetMs > 0 && budgetMs < 2 ** 31)) return
  throw new BadInput(`budgetMs of cycle '${name}' must be a number of milliseconds above 0`)
}

function open(name: string, trigger: Trigger, limited: Limited): Ongoing {
  const tracer = trace.getTracer('cyclewatch')
  const around = trace.getSpanContext(context.active())
  const links: Link[] = around && trace.isSpanContextValid(around) ? [{ context: around }] : []
  const attributes = { [CYCLE.name]: name, [CYCLE.trigger]: trigger, ...PLACES }
  return begin(name, tracer, limited, (startTime) =>
    tracer.startSpan(name, { root: true, links, attributes, startTime }),
  )
}

function close(ongoing: Ongoing, outcome: Outcome): void {
  const { span, gauge, startedAt, epochOffset, totals, usage } = ongoing
  const endedAt = performance.now()
  ongoing.budget.end()
  const used = closeUsage(usage, endedAt)
  if (span.isRecording()) {
    span.setAttributes({
      [CYCLE.outcome]: outcome,
      ...totalAttributes(totals),
      [CYCLE.concurrencyMean]: Math.round(meanOver(gauge, startedAt, endedAt) * 1_000) / 1_000,
      ...used,
    })
  }
  span.end(endedAt + epochOffset)
}
