// Answers of the OTLP/HTTP specification, in the encoding of the request.

import { BadInput, messageOf, Unavailable } from '#model/errors.ts'
import type { Encoding, Signal } from '#storage/signals.ts'
import type { Checked } from './check/checking.ts'
import { CONTENT_TYPES } from './encoding.ts'
import { statusMessage, successMessage } from './messages.ts'

/** gRPC's code for an HTTP status, where a client might look at it. */
const GRPC_CODES: Record<number, number> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  405: 12,
  413: 8,
  415: 3,
  429: 8,
  500: 13,
  503: 14,
}
const HTTP_STATUSES: Record<BadInput['code'] | Unavailable['code'], number> = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  too_large: 413,
  unsupported: 415,
  too_many: 429,
  unavailable: 503,
}

/** 200, with what was not stored if something was not, or with a warning. */
export function accepted(signal: Signal, { rejected, reason }: Checked, encoding: Encoding): Response {
  const partial = reason === null ? null : { rejected, errorMessage: reason }
  return answer(200, successMessage(signal, partial, encoding), encoding)
}

/** The answer to whatever was thrown. What is neither bad input nor an outage is a bug and says nothing of itself. */
export function refused(thrown: unknown, encoding: Encoding): Response {
  if (thrown instanceof BadInput) {
    const headers: Record<string, string> = thrown.code === 'unauthorized' ? { 'WWW-Authenticate': 'Bearer' } : {}
    return failure(HTTP_STATUSES[thrown.code], messageOf(thrown), encoding, headers)
  }
  if (thrown instanceof Unavailable) {
    const headers = { 'Retry-After': String(thrown.retryAfterSeconds) }
    return failure(HTTP_STATUSES[thrown.code], `${messageOf(thrown)}; send it again`, encoding, headers)
  }
  return failure(500, 'the server failed to handle the request; its log says why', encoding)
}

export function failure(
  status: number,
  message: string,
  encoding: Encoding,
  headers: Record<string, string> = {},
): Response {
  return answer(status, statusMessage({ code: GRPC_CODES[status] ?? 2, message }, encoding), encoding, headers)
}

function answer(status: number, body: Uint8Array, encoding: Encoding, headers: Record<string, string> = {}): Response {
  return new Response(body as Uint8Array<ArrayBuffer>, {
    status,
    headers: { 'Content-Type': CONTENT_TYPES[encoding], ...headers },
  })
}
