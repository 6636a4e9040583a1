// run.step: one piece of work inside a cycle, as one span.

import { context, type Span, SpanKind } from '@opentelemetry/api'
import { CYCLE, STEP } from '#model/attributes.ts'
import { STEP_KINDS, type StepKind } from '#model/cycles.ts'
import { BadInput } from '#model/errors.ts'
import {
  type AttributeInput,
  attributeSetter,
  checkFunction,
  checkName,
  checkOneOf,
  setAttribute,
} from './arguments.ts'
import { enter, leave } from './concurrency.ts'
import { errorType, recordFault } from './faults.ts'
import { inside, type Ongoing, placeIn } from './ongoing.ts'
import { sampleUsage } from './usage.ts'

const WAIT_REASONS = ['backoff', 'rate_limit', 'queue', 'breaker'] as const
export type WaitReason = (typeof WAIT_REASONS)[number]

export type StepOptions = {
  /** Why a step of kind `wait` waits. */
  reason?: WaitReason | undefined
}

/** What a step's code can say about itself. */
export type Step = {
  /** An attribute of the step's span; undefined and null are ignored, and so are more than 100 keys. */
  set(key: string, value: AttributeInput): void
  /** A look-up in a step of kind `cache` found what it looked for. Each call counts. */
  hit(): void
  miss(): void
}

/** Runs `fn` as a step; returns its value, or ends the step as failed and rethrows what it threw. */
export async function stepIn<T>(
  ongoing: Ongoing,
  name: string,
  kind: StepKind,
  fn: (step: Step) => T | PromiseLike<T>,
  { reason }: StepOptions = {},
): Promise<T> {
  checkStep(name, kind, fn, reason)
  const place = placeIn(ongoing)
  const startedAt = performance.now()
  const span = ongoing.tracer.startSpan(
    name,
    {
      kind: kind === 'db' || kind === 'fetch' ? SpanKind.CLIENT : SpanKind.INTERNAL,
      startTime: startedAt + ongoing.epochOffset,
      attributes: { [CYCLE.name]: ongoing.name, [STEP.kind]: kind, [STEP.waitReason]: reason },
    },
    place.context,
  )
  const node = enter(ongoing.gauge, place.node, startedAt)
  try {
    return await context.with(inside(ongoing, place, node, span), fn, undefined, handleOf(ongoing, span))
  } catch (error) {
    span.setAttribute('error.type', errorType(error))
    recordFault(span, error)
    throw error
  } finally {
    const endedAt = performance.now()
    leave(ongoing.gauge, node, endedAt)
    sampleUsage(ongoing.usage, endedAt)
    addUp(ongoing, kind, endedAt - startedAt)
    span.end(endedAt + ongoing.epochOffset)
  }
}

function checkStep(name: unknown, kind: unknown, fn: unknown, reason: unknown): void {
  checkName(name, 'the name of a step')
  checkOneOf(kind, STEP_KINDS, `the kind of step '${name}'`)
  checkFunction(fn, `step '${name}'`)
  if (reason === undefined) return
  checkOneOf(reason, WAIT_REASONS, `the reason of step '${name}'`)
  if (kind !== 'wait') throw new BadInput(`step '${name}' is of kind ${kind}; only a wait has a reason`)
}

function handleOf({ totals }: Ongoing, span: Span): Step {
  return {
    set: attributeSetter(span),
    hit() {
      totals.cacheHits += 1
      setAttribute(span, 'cache.hit', true)
    },
    miss() {
      totals.cacheMisses += 1
      setAttribute(span, 'cache.hit', false)
    },
  }
}

/** A step of kind `fetch` is a request the job made by other means than run.fetch. */
function addUp({ totals }: Ongoing, kind: StepKind, durationMs: number): void {
  if (kind === 'fetch') totals.calls += 1
  if (kind === 'wait') totals.waitMs += durationMs
  if (kind === 'db') {
    totals.queries += 1
    totals.dbMs += durationMs
  }
}
