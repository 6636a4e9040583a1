// What was thrown becomes an answer: the caller's mistake 4xx with its reason, a missing server 503, a bug 500.

import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { BadInput, type Problem, Unavailable } from '#model/errors.ts'

/** The body of every answer that is not a success. */
export type ErrorBody = { error: { code: string; message: string; details?: Problem[] } }

const STATUS = {
  invalid: 400,
  unsupported: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  too_large: 413,
  too_many: 429,
  unavailable: 503,
} as const

/** `report` hears of bugs only; the caller learns nothing about the inside. */
export function answerError(error: unknown, context: Context, report: (bug: unknown) => void): Response {
  if (error instanceof BadInput) {
    const details = error.problems.length > 0 ? { details: error.problems } : {}
    return context.json<ErrorBody>(
      { error: { code: error.code, message: error.message, ...details } },
      STATUS[error.code],
    )
  }
  if (error instanceof Unavailable) {
    context.header('Retry-After', String(error.retryAfterSeconds))
    return context.json<ErrorBody>({ error: { code: error.code, message: error.message } }, STATUS[error.code])
  }
  if (error instanceof HTTPException) {
    return context.json<ErrorBody>(
      { error: { code: error.status === 403 ? 'forbidden' : 'invalid', message: error.message } },
      error.status,
    )
  }
  report(error)
  return context.json<ErrorBody>({ error: { code: 'internal', message: 'an internal error; see the log' } }, 500)
}
