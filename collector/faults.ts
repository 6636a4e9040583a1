// What went wrong, as spans tell it: redacted, and sorted into timeouts and failures.

import { type Span, SpanStatusCode } from '@opentelemetry/api'
import type { Outcome } from '#model/cycles.ts'
import { messageOf } from '#model/errors.ts'
import { redact } from './redact.ts'

/** More of a message or a stack than this helps nobody and fills the queue. */
const LONGEST = 8_192

/** The outcome of a cycle that this left: `timeout` for a TimeoutError and for an abort that one caused, else `failed`. */
export function outcomeOf(thrown: unknown): Outcome {
  const seen = new Set<unknown>()
  for (let cause = thrown; cause instanceof Error && !seen.has(cause); cause = cause.cause) {
    if (cause.name === 'TimeoutError') return 'timeout'
    seen.add(cause)
  }
  return 'failed'
}

/** The word for `error.type`: a stable code where there is one, else the error's name. */
export function errorType(thrown: unknown): string {
  if (!(thrown instanceof Error)) return '_OTHER'
  const { code } = thrown as { code?: unknown }
  return typeof code === 'string' && code !== '' ? code : thrown.name
}

/** Marks the span as failed and records what was thrown, whatever it was. */
export function recordFault(span: Span, thrown: unknown): void {
  const message = shown(messageOf(thrown))
  const type = thrown instanceof Error ? thrown.name : typeof thrown
  span.addEvent('exception', {
    'exception.type': type,
    'exception.message': message,
    ...(thrown instanceof Error && thrown.stack ? { 'exception.stacktrace': shown(thrown.stack) } : {}),
  })
  span.setStatus({ code: SpanStatusCode.ERROR, message })
}

function shown(text: string): string {
  const clean = redact(text)
  return clean.length > LONGEST ? `${clean.slice(0, LONGEST)}…` : clean
}
