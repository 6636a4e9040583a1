// Errors of run.fetch when no whole answer came: one sentence for a person, one stable code for a program.

import { redact } from '#collector/redact.ts'
import { formatDuration } from '#model/durations.ts'
import { messageOf } from '#model/errors.ts'

/**
 * `code` is Node's where Node has one (ECONNREFUSED, ENOTFOUND, ECONNRESET, ETIMEDOUT, codes of TLS), BAD_RESPONSE for an
 * answer that is malformed, BODY_TOO_LARGE, BAD_REDIRECT or TOO_MANY_REDIRECTS; BREAKER_OPEN or QUOTA_USED_UP when it was not even sent.
 */
export type NetworkError = Error & { code: string }

type Request = { method: string; url: URL }

const SAYINGS: Record<string, string> = {
  ECONNREFUSED: 'nothing accepts connections there',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name could not be looked up at the moment',
  ECONNRESET: 'the server closed the connection before its answer was complete',
  ETIMEDOUT: 'the server took too long',
}

/** Codes that mean what another one says plainer. */
const SAME_AS: Record<string, string> = {
  EPIPE: 'ECONNRESET',
  UND_ERR_SOCKET: 'ECONNRESET',
  UND_ERR_CONNECT_TIMEOUT: 'ETIMEDOUT',
  UND_ERR_HEADERS_TIMEOUT: 'ETIMEDOUT',
  UND_ERR_BODY_TIMEOUT: 'ETIMEDOUT',
  UND_ERR_HEADERS_OVERFLOW: 'BAD_RESPONSE',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'BAD_RESPONSE',
}

/** No whole answer came, and `cause` says why. */
export function lostAnswer(request: Request, cause: unknown): NetworkError {
  const code = codeOf(cause)
  const isOurs = cause instanceof Error && cause.name === 'TimeoutError'
  const saying = isOurs ? cause.message : isOutOfTurn(cause) ? OUT_OF_TURN : SAYINGS[code]
  return named(request, saying ? `${saying} (${code})` : messageOf(cause) || code, code, { cause })
}

/** The answer came, and its body is not what its head says. */
export function brokenBody(request: Request, cause: unknown): NetworkError {
  const reason = `the body cannot be decoded as its content-encoding says: ${messageOf(cause)}`
  return named(request, reason, 'BAD_RESPONSE', { cause })
}

export function redirectError(
  request: Request,
  code: 'BAD_REDIRECT' | 'TOO_MANY_REDIRECTS',
  reason: string,
): NetworkError {
  return named(request, reason, code, {})
}

/** The host has failed too often lately to be asked now. */
export function breakerOpen(request: Request, host: string, forMs: number): NetworkError {
  const reason = `${host} failed too often lately and is left alone for ${formatDuration(forMs)} more`
  return named(request, reason, 'BREAKER_OPEN', {})
}

export function quotaUsedUp(request: Request, host: string, renewsInMs: number): NetworkError {
  const reason = `the quota of calls to ${host} is used up; it is renewed in ${formatDuration(renewsInMs)}`
  return named(request, reason, 'QUOTA_USED_UP', {})
}

function named({ method, url }: Request, reason: string, code: string, options: ErrorOptions): NetworkError {
  const error = new Error(redact(`${method} ${url.href} failed: ${reason}`), options)
  return Object.assign(error, { name: 'NetworkError', code })
}

const OUT_OF_TURN = 'the server answered with a 100 or 101 that nobody asked for'

/** As undici words it. */
function isOutOfTurn(cause: unknown): boolean {
  return cause instanceof Error && (cause.message === 'bad response' || cause.name === 'AssertionError')
}

function codeOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'UNKNOWN'
  if (cause.name === 'HTTPParserError' || isOutOfTurn(cause)) return 'BAD_RESPONSE'
  const { code, cause: deeper } = cause as { code?: unknown; cause?: { code?: unknown } | undefined }
  // A lost socket wraps what the system said about it.
  const found = code === 'UND_ERR_SOCKET' && typeof deeper?.code === 'string' ? deeper.code : code
  return typeof found === 'string' ? (SAME_AS[found] ?? found) : 'UNKNOWN'
}
