// What went wrong, as spans tell it: redacted, and sorted into timeouts and failures.

import { type Span, SpanStatusCode } from '@opentelemetry/api'
import type { Outcome } from '#model/cycles.ts'
import { messageOf } from '#model/errors.ts'
import { LONGEST_TEXT, redact, redactCut } from './redact.ts'

/** What is looked at to show `LONGEST_TEXT` of it: hiding what is secret mostly shortens. */
const LONGEST_READ = 4 * LONGEST_TEXT

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
  const isCut = text.length > LONGEST_READ
  const clean = isCut ? redactCut(text.slice(0, LONGEST_READ)) : redact(text)
  return isCut || clean.length > LONGEST_TEXT ? `${clean.slice(0, LONGEST_TEXT)}…` : clean
}
