// Steps of this folder as spans. Unlike stepIn they can end in the middle of synchronous code, and they take their
// attributes at the start, where samplers and processors look for them.

import { type Attributes, type Context, context, createContextKey, SpanKind } from '@opentelemetry/api'
import { enter, leave } from '#collector/concurrency.ts'
import { errorType, recordFault } from '#collector/faults.ts'
import { inside, type Ongoing, type Place } from '#collector/ongoing.ts'
import type { WaitReason } from '#collector/steps.ts'
import { sampleUsage } from '#collector/usage.ts'
import { CYCLE, STEP } from '#model/attributes.ts'

/** Each ends the step; only the first call counts. */
export type OpenStep = {
  /** In which the step's code runs. */
  context: Context
  end(attributes?: Attributes): void
  fail(error: unknown, attributes?: Attributes): void
}

const IN_QUERY = createContextKey('cyclewatch.in query')

/** Whether the calling code is part of a database step already, which tells and counts for all that it does. */
export function isInQuery(): boolean {
  return context.active().getValue(IN_QUERY) === true
}

/** `around`, with every query in it part of what is told already. */
export function asQuery(around: Context): Context {
  return around.setValue(IN_QUERY, true)
}

export function openQuery(ongoing: Ongoing, place: Place, name: string, attributes: Attributes): OpenStep {
  const startedAt = performance.now()
  const span = ongoing.tracer.startSpan(
    name,
    {
      kind: SpanKind.CLIENT,
      startTime: startedAt + ongoing.epochOffset,
      attributes: { [CYCLE.name]: ongoing.name, [STEP.kind]: 'db', ...attributes },
    },
    place.context,
  )
  const node = enter(ongoing.gauge, place.node, startedAt)
  let isOpen = true
  const end = (more: Attributes = {}) => {
    if (!isOpen) return
    isOpen = false
    const endedAt = performance.now()
    leave(ongoing.gauge, node, endedAt)
    sampleUsage(ongoing.usage, endedAt)
    ongoing.totals.queries += 1
    ongoing.totals.dbMs += endedAt - startedAt
    span.setAttributes(more)
    span.end(endedAt + ongoing.epochOffset)
  }
  return {
    context: asQuery(inside(ongoing, place, node, span)),
    end,
    fail(error, more) {
      if (!isOpen) return
      span.setAttribute('error.type', errorType(error))
      recordFault(span, error)
      end(more)
    },
  }
}

/** Shorter waits are not worth a span. */
const SHORTEST_WAIT_MS = 1

/** Begins a wait; the returned function ends it and tells it, if it was one. */
export function openWait(ongoing: Ongoing, place: Place, name: string, reason: WaitReason): () => void {
  const startedAt = performance.now()
  const node = enter(ongoing.gauge, place.node, startedAt)
  return () => {
    const endedAt = performance.now()
    leave(ongoing.gauge, node, endedAt)
    if (endedAt - startedAt < SHORTEST_WAIT_MS) return
    ongoing.totals.waitMs += endedAt - startedAt
    const attributes = { [CYCLE.name]: ongoing.name, [STEP.kind]: 'wait', [STEP.waitReason]: reason }
    const startTime = startedAt + ongoing.epochOffset
    ongoing.tracer
      .startSpan(name, { kind: SpanKind.INTERNAL, startTime, attributes }, place.context)
      .end(endedAt + ongoing.epochOffset)
  }
}
