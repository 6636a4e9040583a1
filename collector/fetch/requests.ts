// What run.fetch was asked for, checked and brought into the form that goes out. Pure.

import type { HttpCacheOptions } from '#collector/cache/http.ts'
import { ACCEPTED_ENCODINGS } from '#collector/fetch/decode.ts'
import type { Outgoing } from '#collector/fetch/exchange.ts'
import { problemsOf, type Timeouts } from '#collector/fetch/policy-options.ts'
import { isIdempotent } from '#collector/fetch/retry.ts'
import { redact } from '#collector/redact.ts'
import { BadInput } from '#model/errors.ts'

export type FetchBody = string | URLSearchParams | ArrayBuffer | Uint8Array

export type FetchOptions = {
  method?: string | undefined
  headers?: HeadersInit | undefined
  /** Kept in memory, because a redirect may have to send it again; streams are not taken. */
  body?: FetchBody | null | undefined
  signal?: AbortSignal | null | undefined
  redirect?: 'follow' | 'manual' | 'error' | undefined
  /** The route behind the URL, such as `/coins/{id}`, so that requests group by it. */
  template?: string | undefined
  /** Instead of the policy's; what is left out stays as it is there. */
  timeouts?: Partial<Timeouts> | undefined
  retries?: number | undefined
  /** Whether a second request does no more than the first. Default: by the method, as RFC 9110 has it. */
  idempotent?: boolean | undefined
  /** Asks the cache first, as RFC 9111 has it; with `ttlMs`, as that says. `false`: not even when the policy has one. */
  cache?: boolean | HttpCacheOptions | undefined
  /** What each attempt costs, in the currency the job counts in. */
  cost?: number | undefined
}

type HeadersInit = Headers | Iterable<readonly [string, string]> | Record<string, string>

export type Asked = Outgoing & {
  redirect: 'follow' | 'manual' | 'error'
  template: string | undefined
  idempotent: boolean
  timeouts: Partial<Timeouts> | undefined
  retries: number | undefined
  cache: boolean | HttpCacheOptions | undefined
  cost: number | undefined
}

/** What the built-in fetch sends, so that a server treats both alike. */
const DEFAULT_HEADERS = ['accept', '*/*', 'user-agent', 'node', 'accept-encoding', ACCEPTED_ENCODINGS]
/** They say how the bytes are carried, which is undici's affair. */
const REFUSED_HEADERS = ['connection', 'expect', 'keep-alive', 'transfer-encoding', 'upgrade']
const REDIRECTS = ['follow', 'manual', 'error'] as const
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const NORMALIZED = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])

/** Throws BadInput naming what is wrong and what is allowed; secrets in the URL stay out of the message. */
export function asked(url: string | URL, options: FetchOptions = {}): Asked {
  const target = parseUrl(url)
  const method = parseMethod(options.method ?? 'GET')
  const { type, bytes } = parseBody(options.body)
  if (bytes && (method === 'GET' || method === 'HEAD')) throw new BadInput(`a ${method} request cannot have a body`)
  const { redirect = 'follow', template, signal, timeouts, retries, cache, cost } = options
  const { idempotent = isIdempotent(method) } = options
  if (!REDIRECTS.includes(redirect)) {
    throw new BadInput(`redirect '${redirect}' is unknown; allowed are ${REDIRECTS.join(', ')}`)
  }
  if (template !== undefined && (typeof template !== 'string' || template === '')) {
    throw new BadInput('template must be a text that is not empty, such as /coins/{id}')
  }
  if (signal && !(signal instanceof AbortSignal)) throw new BadInput('signal must be an AbortSignal')
  const [problem] = timeouts || retries !== undefined ? problemsOf({ timeouts, retries }) : []
  if (problem) throw new BadInput(`${problem.path} ${problem.message}`)
  const headers = parseHeaders(options.headers, target, type)
  const sent = { url: target, method, headers, body: bytes, signal: signal ?? undefined }
  return { ...sent, redirect, template, idempotent, timeouts, retries, cache, cost }
}

function parseUrl(url: string | URL): URL {
  if (typeof url !== 'string' && !(url instanceof URL)) throw new BadInput('the URL must be a text or a URL object')
  let target: URL
  try {
    target = new URL(url)
  } catch {
    throw new BadInput(`'${redact(String(url))}' is not a URL; write it whole, as in https://example.org/coins`)
  }
  if (target.protocol !== 'http:' && target.protocol !== 'https:') {
    throw new BadInput(`'${redact(target.href)}' cannot be fetched; allowed are http and https`)
  }
  return target
}

function parseMethod(method: string): string {
  if (typeof method !== 'string' || !TOKEN.test(method)) {
    throw new BadInput(`method '${String(method)}' is not an HTTP method`)
  }
  const upper = method.toUpperCase()
  if (upper === 'CONNECT' || upper === 'TRACE') throw new BadInput(`method ${upper} cannot be fetched`)
  return NORMALIZED.has(upper) ? upper : method
}

function parseBody(body: FetchBody | null | undefined): { type?: string; bytes: Uint8Array | undefined } {
  if (body === null || body === undefined) return { bytes: undefined }
  if (typeof body === 'string') return { type: 'text/plain;charset=UTF-8', bytes: Buffer.from(body) }
  if (body instanceof URLSearchParams) {
    return { type: 'application/x-www-form-urlencoded;charset=UTF-8', bytes: Buffer.from(String(body)) }
  }
  if (body instanceof Uint8Array) return { bytes: body }
  if (body instanceof ArrayBuffer) return { bytes: new Uint8Array(body) }
  throw new BadInput('body must be a text, URLSearchParams, an ArrayBuffer or a Uint8Array')
}

/** The user's headers, then the defaults they left open, the body's type, and the URL's user as credentials. */
function parseHeaders(init: HeadersInit | undefined, url: URL, type: string | undefined): string[] {
  const credentials = basicCredentials(url)
  if (!init && !type && !credentials) return DEFAULT_HEADERS
  let given: Headers
  try {
    given = new Headers(init as Record<string, string>)
  } catch (error) {
    throw new BadInput('headers must be pairs of a valid name and a valid value', { cause: error })
  }
  const denied = REFUSED_HEADERS.find((name) => given.has(name))
  if (denied) throw new BadInput(`the header ${denied} is the connection's own; it cannot be set`)
  const headers = [...given].flat()
  const fill = (name: string, value: string | undefined) => {
    if (value !== undefined && !given.has(name)) headers.push(name, value)
  }
  for (let i = 0; i < DEFAULT_HEADERS.length; i += 2) fill(DEFAULT_HEADERS[i] as string, DEFAULT_HEADERS[i + 1])
  fill('content-type', type)
  fill('authorization', credentials)
  return headers
}

function basicCredentials({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined
  return `Basic ${Buffer.from(`${unescaped(username)}:${unescaped(password)}`).toString('base64')}`
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
