// What we want otherwise than undici's cache would have it: no lifetime is guessed, a job may know better than its
// upstream, and who has other credentials has another cache. Pure.

import { createHash } from 'node:crypto'
import type { Freshness } from '#collector/cache/freshness.ts'
import type { PlainHeaders, Question } from '#collector/cache/rfc9111.ts'
import { isSecretName } from '#collector/redact.ts'

/** Requests for a part, or with a condition of their own: the answer is of use to nobody else. */
const OF_THEIR_OWN = ['range', 'if-range', 'if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since']
const LIFETIME = /(?:^|,)\s*max-age\s*=/i
/** What an override takes the place of. `Date` and `Age`: the job's time to live counts from when it asked. */
const OVERRIDDEN = ['cache-control', 'expires', 'pragma', 'date', 'age']

/** `credentials` are the headers that are none of undici's business: see `questionOf`. */
export type Addressed = { question: Question; credentials: string }

/**
 * Credentials become part of the key, and undici does not see them. It would refuse to keep most answers to them, and by
 * the same key it would hand what it keeps of one user to another.
 */
export function questionOf(url: URL, method: string, wire: readonly string[]): Addressed {
  const headers: Record<string, string> = {}
  const secrets: string[] = []
  for (let index = 0; index + 1 < wire.length; index += 2) {
    const name = (wire[index] as string).toLowerCase()
    const value = wire[index + 1] as string
    if (name === 'cookie' || isSecretName(name)) secrets.push(`${name}: ${value}`)
    else headers[name] = name in headers ? `${headers[name]}, ${value}` : value
  }
  const path = url.pathname + url.search
  return { question: { origin: url.origin, path, method, headers }, credentials: secrets.sort().join('\n') }
}

export function isForItself({ headers }: Question): boolean {
  return OF_THEIR_OWN.some((name) => name in headers) || /\bno-store\b/i.test(headers['cache-control'] ?? '')
}

/**
 * Hashed, because it lies in files and holds the credentials. What was kept against the upstream's will is for those
 * only who said so themselves.
 */
export function storeKey(address: string, credentials: string, isOverridden: boolean): string {
  const hash = createHash('sha256').update(`${address}\n${credentials}`).digest('base64url')
  return `http ${isOverridden ? 'ttl' : 'rfc'} ${hash}`
}

/** What concurrent callers must have in common to share one request. */
export function sharingKey(key: string, { headers }: Question, override: unknown): string {
  return JSON.stringify([key, Object.entries(headers).sort(), override])
}

/**
 * The headers by which undici is to judge. An answer without an explicit lifetime may be kept, but the server is asked
 * each time: a tenth of its age, as browsers guess, can be weeks.
 */
export function judgedHeaders(headers: PlainHeaders, override: Freshness | undefined): PlainHeaders {
  if (!override) {
    const control = joined(headers['cache-control'])
    if (LIFETIME.test(control) || headers.expires !== undefined) return { ...headers }
    return { ...headers, 'cache-control': control === '' ? 'no-cache' : `${control}, no-cache` }
  }
  const judged = { ...headers }
  for (const name of OVERRIDDEN) delete judged[name]
  if (joined(judged.vary).includes('*')) delete judged.vary
  // Whole seconds are all a header can say; who reads the entry goes by the time to live itself.
  judged['cache-control'] = `max-age=${Math.max(1, Math.ceil(override.ttlMs / 1_000))}`
  return judged
}

/** The upstream's own headers, without what must not be kept, and without cookies: they were for who got them. */
export function keptHeaders(own: PlainHeaders, allowed: PlainHeaders): PlainHeaders {
  const isKept = (name: string) => name in allowed || OVERRIDDEN.includes(name)
  return Object.fromEntries(
    Object.entries(own).filter(([name]) => isKept(name) && name !== 'set-cookie' && name !== 'age'),
  )
}

function joined(value: string | string[] | undefined): string {
  return Array.isArray(value) ? value.join(', ') : (value ?? '')
}
