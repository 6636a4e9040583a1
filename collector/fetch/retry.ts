// Whether a request attempt is followed by another, and after how long. Pure.

/** How an attempt ended. `sent` says whether the server may have seen the request; `code` is that of a NetworkError. */
export type Attempted =
  | { state: 'answered'; status: number; retryAfterMs: number | null }
  | { state: 'lost'; code: string; sent: boolean }

/** Full jitter: a delay is drawn between 0 and `firstMs`, doubled with each retry up to `longestMs`. */
export type Backoff = { firstMs: number; longestMs: number }

/**
 * `tries` is how many attempts were made, this one included; `timeouts` how many of them took too long. `remainingMs` is
 * what is left of the cycle's budget, infinite without one; `random` gives numbers from 0 to 1.
 */
export type Situation = {
  attempted: Attempted
  idempotent: boolean
  retries: number
  tries: number
  timeouts: number
  remainingMs: number
  backoff: Backoff
  random: () => number
}

export type Verdict = { retry: true; delayMs: number } | { retry: false }

/** What passes: RFC 9110 (15.5.9, 15.6), RFC 8470 (425), RFC 6585 (429). */
const PASSING_STATUS = new Set([408, 425, 429, 500, 502, 503, 504])
const PASSING_CODES = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ETIMEDOUT',
  'BAD_RESPONSE',
])
/** The server says that it did nothing of what was asked. */
const NOT_DONE = new Set([429, 503])
/** Whoever took too long once will mostly take too long again, and each try costs the whole timeout. */
const MOST_TIMEOUTS = 1
/** A server that wants more patience than this does not want the request. */
const LONGEST_RETRY_AFTER_MS = 120_000

/** Methods of which a second request does no more than the first (RFC 9110, 9.2.2). */
export function isIdempotent(method: string): boolean {
  return ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'].includes(method)
}

/** A retry that would begin after the end of the budget is not worth the wait. */
export function decideRetry(situation: Situation): Verdict {
  const { attempted, tries, retries, timeouts, remainingMs, backoff, random } = situation
  if (tries > retries || !passes(situation) || !mayRepeat(situation)) return { retry: false }
  if (isTimeout(attempted) && timeouts > MOST_TIMEOUTS) return { retry: false }
  const asked = attempted.state === 'answered' ? (attempted.retryAfterMs ?? 0) : 0
  if (asked > LONGEST_RETRY_AFTER_MS) return { retry: false }
  const ceiling = Math.min(backoff.longestMs, backoff.firstMs * 2 ** (tries - 1))
  // Those who were told the same moment must not come back in the same moment.
  const delayMs = asked + random() * ceiling
  return delayMs < remainingMs ? { retry: true, delayMs } : { retry: false }
}

export function isTimeout(attempted: Attempted): boolean {
  return attempted.state === 'lost' && attempted.code === 'ETIMEDOUT'
}

/** Whether it was the server or the way to it that failed, and not what was asked of it. */
export function isFailure(attempted: Attempted): boolean {
  return attempted.state === 'lost' ? PASSING_CODES.has(attempted.code) : attempted.status >= 500
}

function passes({ attempted }: Situation): boolean {
  return attempted.state === 'lost' ? PASSING_CODES.has(attempted.code) : PASSING_STATUS.has(attempted.status)
}

function mayRepeat({ attempted, idempotent }: Situation): boolean {
  return idempotent || (attempted.state === 'lost' ? !attempted.sent : NOT_DONE.has(attempted.status))
}

/**
 * Milliseconds that a `Retry-After` header (RFC 9110, 10.2.3) asks for: seconds, or a date, counted from `now` (epoch
 * milliseconds). Null when there is none or it says nothing usable; never below 0.
 */
export function retryAfterMs(header: string | string[] | undefined, now: number): number | null {
  const text = (Array.isArray(header) ? header[0] : header)?.trim()
  if (!text) return null
  if (/^\d+$/.test(text)) return Number(text) * 1_000
  const at = /[a-z]/i.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? null : Math.max(0, at - now)
}
