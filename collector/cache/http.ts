// run.fetch through a cache: what RFC 9111 lets it serve is served, the rest is asked for, once for all who ask.

import { ageOf, type Clock, SYSTEM_CLOCK } from '#collector/cache/ages.ts'
import { type Landing, oneAtATime } from '#collector/cache/flights.ts'
import { type FreshnessOptions, freshnessOf } from '#collector/cache/freshness.ts'
import { askServer, fromStore } from '#collector/cache/http-asking.ts'
import type { HttpEntry } from '#collector/cache/http-entries.ts'
import { isForItself, questionOf, sharingKey, storeKey } from '#collector/cache/http-rules.ts'
import {
  type Asking,
  type HttpAnswer,
  type HttpRequest,
  invalidate,
  read,
  type Served,
  shelfOf,
  storedOf,
} from '#collector/cache/http-shelf.ts'
import { processStore } from '#collector/cache/memory-store.ts'
import { renewSoon } from '#collector/cache/renewals.ts'
import { type Ruling, rule } from '#collector/cache/rfc9111.ts'
import type { CacheStore } from '#collector/cache/stores.ts'
import { type LookUp, tellLookUp } from '#collector/cache/telling.ts'
import type { Ongoing } from '#collector/ongoing.ts'
import { redact } from '#collector/redact.ts'
import { stepIn } from '#collector/steps.ts'
import { BadInput } from '#model/errors.ts'

/** With `ttlMs`, answers of 200 live as long as that says, whatever the upstream's own headers say. */
export type HttpCacheOptions = Partial<FreshnessOptions> & {
  /** Whether `ttlMs` is for answers of 404 as well. Default: false. */
  notFound?: boolean | undefined
  /** Default: 64 MB of memory, shared by all caches of the process that name no store. */
  store?: CacheStore | undefined
}

export type Send<R> = (request: R, why: { isBackground: boolean }) => Promise<HttpAnswer>

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/**
 * The answer to `request`: from the cache where it may be, else by `send`, which retries and redirects as it likes, and
 * is also called in the background (without a signal) to renew what was served stale. Rejects with what `send` rejects
 * with, and with the signal's reason. GET alone is kept; other methods than GET, HEAD, OPTIONS and TRACE end what is kept
 * of their address. Throws BadInput for wrong options.
 */
export async function fetchCachedIn<R extends HttpRequest>(
  ongoing: Ongoing,
  request: R,
  options: HttpCacheOptions,
  send: Send<R>,
  clock: Clock = SYSTEM_CLOCK,
): Promise<Served> {
  const asking = askingOf(ongoing, request, options, send as unknown as Send<HttpRequest>, clock)
  if (request.method !== 'GET' || isForItself(asking.question)) return past(asking)
  let isOwn = false
  const served = await oneAtATime(
    asking.shelf.flights,
    asking.sharing,
    request.signal,
    () => {
      isOwn = true
      return lead(asking)
    },
    (wait) => follow(asking, wait),
  )
  if (isOwn) return served
  const isJoined = served.cache === 'miss' || served.cache === 'revalidated'
  const body = Buffer.from(served.body)
  return { ...served, headers: { ...served.headers }, body, cache: isJoined ? 'joined' : served.cache }
}

function askingOf(
  ongoing: Ongoing,
  request: HttpRequest,
  options: HttpCacheOptions,
  send: Send<HttpRequest>,
  clock: Clock,
): Asking {
  const override = overrideOf(options)
  const { question, credentials } = questionOf(request.url, request.method, request.headers)
  const key = storeKey(question.origin + question.path, credentials, override !== undefined)
  const sharing = sharingKey(key, question, override)
  const shelf = shelfOf(options.store ?? processStore())
  return { ongoing, request, send, shelf, question, credentials, key, sharing, override, clock }
}

function overrideOf(options: HttpCacheOptions): Asking['override'] {
  const { ttlMs, staleWhileRevalidateMs, staleIfErrorMs, notFound = false } = options
  if (ttlMs !== undefined) return { freshness: freshnessOf({ ...options, ttlMs }, 'the cache of a fetch'), notFound }
  if (staleWhileRevalidateMs === undefined && staleIfErrorMs === undefined && !notFound) return undefined
  throw new BadInput('staleWhileRevalidateMs, staleIfErrorMs and notFound of the cache of a fetch need a ttlMs')
}

async function past(asking: Asking): Promise<Served> {
  const { request, send, question } = asking
  const answer = await send(request, { isBackground: false })
  if (!SAFE.has(request.method)) {
    const ruling = rule(question, undefined)
    if (ruling.state === 'ask') await invalidate(asking, ruling.answered(answer.status, answer.headers).forgotten)
  }
  return { ...answer, cache: 'none' }
}

/** What is found, and what may be done about it. */
type Found = { entry: HttpEntry | undefined; ruling: Ruling }

async function lead(asking: Asking): Promise<Served> {
  const { entry, ruling } = await inStep(asking, async (tell) => {
    const found = await lookUp(asking)
    tell(told(asking, found))
    return found
  })
  if (ruling.state === 'unanswerable') return { status: 504, headers: {}, body: Buffer.alloc(0), cache: 'miss' }
  if (ruling.state === 'serve') {
    const { isStale } = ruling
    // Whoever is served may write to the body that a 304 has kept again.
    const apart = entry && isStale ? { ...entry, body: Buffer.from(entry.body) } : undefined
    if (isStale) renewSoon(asking.shelf.renewals, asking.sharing, () => renew(asking, apart))
    return { ...fromStore(asking, entry as HttpEntry), cache: isStale ? 'stale' : 'fresh' }
  }
  const served = await askServer(asking, entry, ruling, false)
  const { cache, body } = served
  if (entry && (cache === 'stale' || cache === 'revalidated')) {
    const ageMs = cache === 'stale' ? (ageOf(entry.at, asking.clock) ?? 0) : 0
    await inStep(asking, async (tell) => tell({ state: cache, ageMs, bytes: body.byteLength }))
  }
  return served
}

async function lookUp(asking: Asking): Promise<Found> {
  const entry = await read(asking)
  const stored = entry && storedOf(asking, entry)
  return { entry: stored && entry, ruling: rule(asking.question, stored) }
}

/** Asks although there is something to serve. */
async function renew(asking: Asking, entry: HttpEntry | undefined): Promise<void> {
  const { question, request } = asking
  const insisting = { ...question, headers: { ...question.headers, 'cache-control': 'no-cache' } }
  const ruling = rule(insisting, entry && storedOf(asking, entry))
  if (ruling.state !== 'ask') return
  await askServer({ ...asking, request: { ...request, signal: undefined } }, entry, ruling, true)
}

function told({ clock }: Asking, { entry, ruling }: Found): LookUp {
  const ageMs = entry && ageOf(entry.at, clock)
  if (!entry || ageMs === undefined) return { state: 'absent' }
  if (ruling.state !== 'serve') return { state: 'expired', ageMs }
  return { state: ruling.isStale ? 'stale' : 'fresh', ageMs, bytes: entry.body.byteLength }
}

/** The step is as long as the waiting, which would show nowhere else. */
function follow(asking: Asking, wait: () => Promise<Landing<Served>>): Promise<Landing<Served>> {
  return inStep(asking, async (tell) => {
    const landing = await wait()
    if (landing.state === 'failed') tell({ state: 'absent' })
    else tell({ state: 'joined', ageMs: 0, bytes: landing.value.body.byteLength })
    return landing
  })
}

function inStep<T>(asking: Asking, look: (tell: (found: LookUp) => void) => Promise<T>): Promise<T> {
  const { ongoing, request, shelf, sharing } = asking
  const { method, template, url } = request
  return stepIn(ongoing, template ? `cache ${method} ${template}` : `cache ${method}`, 'cache', (step) => {
    step.set('url.full', redact(url.href))
    step.set('url.template', template)
    return look((found) => tellLookUp(step, found, shelf.renewals.failed.get(sharing)))
  })
}
