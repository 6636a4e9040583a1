// A cycle while it runs: its root span, what it adds up, and where in it the code is that now runs.

import { type Context, context, createContextKey, type Span, type Tracer, trace } from '@opentelemetry/api'
import { type Budget, openBudget } from './budget.ts'
import { type Gauge, type Node, openGauge } from './concurrency.ts'
import { noTotals, type Totals } from './totals.ts'
import { openUsage, type Usage } from './usage.ts'

/** Monotonic moments (`performance.now()`) plus `epochOffset` are epoch milliseconds, anchored anew for each cycle. */
export type Ongoing = {
  name: string
  tracer: Tracer
  span: Span
  /** With the root span active; what steps outside any other step hang on. */
  context: Context
  node: Node
  totals: Totals
  gauge: Gauge
  usage: Usage
  budget: Budget
  startedAt: number
  epochOffset: number
}

/** A place in a cycle: what a new step hangs on, as a span and as one that is counted. */
export type Place = { context: Context; node: Node }

const PLACE = createContextKey('cyclewatch.place')
type Marked = { ongoing: Ongoing; node: Node }

export type Limited = { budgetMs?: number | undefined; signal?: AbortSignal | undefined }

export function begin(
  name: string,
  tracer: Tracer,
  { budgetMs, signal }: Limited,
  open: (startTime: number) => Span,
): Ongoing {
  const startedAt = performance.now()
  const epochOffset = Date.now() - startedAt
  const span = open(startedAt + epochOffset)
  const ongoing: Ongoing = {
    name,
    tracer,
    span,
    context: context.active(),
    node: { parent: null, children: 0, ended: false },
    totals: noTotals(),
    gauge: openGauge(startedAt),
    usage: openUsage(startedAt),
    budget: openBudget(budgetMs, startedAt, signal),
    startedAt,
    epochOffset,
  }
  ongoing.context = inside(ongoing, ongoing, ongoing.node, span)
  return ongoing
}

/** The innermost step of this cycle around the calling code; the cycle itself outside any, or in another cycle's code. */
export function placeIn(ongoing: Ongoing): Place {
  const active = context.active()
  const marked = active.getValue(PLACE) as Marked | undefined
  return marked?.ongoing === ongoing ? { context: active, node: marked.node } : ongoing
}

/** The context in which code inside this step runs. */
export function inside(ongoing: Ongoing, place: Place, node: Node, span: Span): Context {
  return trace.setSpan(place.context, span).setValue(PLACE, { ongoing, node } satisfies Marked)
}

export type Current = { ongoing: Ongoing; place: Place }

/** The innermost cycle around the calling code, and the step in it; undefined outside any and without telemetry. */
export function current(): Current | undefined {
  const active = context.active()
  const marked = active.getValue(PLACE) as Marked | undefined
  return marked && { ongoing: marked.ongoing, place: { context: active, node: marked.node } }
}
