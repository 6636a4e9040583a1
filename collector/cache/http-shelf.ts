// One store as the home of answers: reading, writing and forgetting entries, and who is about to write one.

import { ageOf, type Clock, momentOf } from '#collector/cache/ages.ts'
import type { Flights } from '#collector/cache/flights.ts'
import { type Freshness, keptMs } from '#collector/cache/freshness.ts'
import { type HttpEntry, packEntries, unpackEntries, variantFor, withVariant } from '#collector/cache/http-entries.ts'
import { keptHeaders, storeKey } from '#collector/cache/http-rules.ts'
import { noRenewals, type Renewals } from '#collector/cache/renewals.ts'
import type { Judgement, Kept, PlainHeaders, Question, Stored } from '#collector/cache/rfc9111.ts'
import { type CacheStore, type CarefulStore, carefully } from '#collector/cache/stores.ts'
import type { Ongoing } from '#collector/ongoing.ts'

/** `body` as the server meant it, decoded. */
export type HttpAnswer = {
  status: number
  headers: PlainHeaders
  body: Buffer
  /** How long ago the request went out that this answers, when that is known: it is no younger. */
  delayMs?: number | undefined
}

export type HttpRequest = {
  url: URL
  method: string
  /** Names and values, flat. */
  headers: string[]
  signal: AbortSignal | undefined
  template?: string | undefined
}

/** Where an answer came from. `none`: no cache was asked. */
export type Served = HttpAnswer & { cache: 'fresh' | 'stale' | 'revalidated' | 'joined' | 'miss' | 'none' }

/** Of an answer that is under way: the address may be invalidated before it comes, and then it must not be kept. */
type Ticket = { isVoid: boolean }

export type Shelf = {
  store: CarefulStore
  flights: Flights<Served>
  renewals: Renewals
  underWay: Map<string, Set<Ticket>>
}

export type Asking = {
  ongoing: Ongoing
  request: HttpRequest
  send(request: HttpRequest, why: { isBackground: boolean }): Promise<HttpAnswer>
  shelf: Shelf
  question: Question
  credentials: string
  key: string
  sharing: string
  /** What the job wants instead of the upstream's own headers. */
  override: { freshness: Freshness; notFound: boolean } | undefined
  clock: Clock
}

/** With a validator it is worth keeping beyond its freshness: asking whether it is still good saves the body. */
const VALIDATED_MS = 24 * 60 * 60_000

const shelves = new WeakMap<CacheStore, Shelf>()

export function shelfOf(store: CacheStore): Shelf {
  const known = shelves.get(store)
  if (known) return known
  const shelf = { store: carefully(store), flights: new Map(), renewals: noRenewals(), underWay: new Map() }
  shelves.set(store, shelf)
  return shelf
}

/** What the job wants for an answer of this status, if it wants anything. */
export function freshnessFor({ override }: Asking, status: number): Freshness | undefined {
  const isMeant = status === 200 || (status === 404 && override?.notFound)
  return isMeant ? override?.freshness : undefined
}

export async function read({ shelf, key, question }: Asking): Promise<HttpEntry | undefined> {
  const bytes = await shelf.store.get(key)
  return bytes && variantFor(unpackEntries(bytes), question.headers)
}

/** As undici is to see it; undefined when its age cannot be known. What the job wants now goes for older entries too. */
export function storedOf(asking: Asking, { status, headers, kept, at }: HttpEntry): Stored | undefined {
  const ageMs = ageOf(at, asking.clock)
  if (ageMs === undefined) return undefined
  const lastModified = typeof headers['last-modified'] === 'string' ? headers['last-modified'] : undefined
  const freshness = freshnessFor(asking, status)
  return { ...kept, ...(freshness && wanted(freshness)), status, lastModified, ageMs: Math.ceil(ageMs) }
}

function wanted({ ttlMs, whileRevalidateMs, ifErrorMs }: Freshness): Pick<Kept, 'lifetimeMs' | 'directives'> {
  const directives = { 'stale-while-revalidate': whileRevalidateMs / 1_000, 'stale-if-error': ifErrorMs / 1_000 }
  return { lifetimeMs: ttlMs, directives }
}

/** Whether it may be served now that asking has failed, which may have taken long. */
export function servesErrors(asking: Asking, entry: HttpEntry): boolean {
  const stored = storedOf(asking, entry)
  return stored !== undefined && stored.ageMs <= stored.lifetimeMs + windowMs(stored, 'stale-if-error')
}

/** Runs `ask`, whose answer is void when the address is invalidated meanwhile. */
export async function underWay<T>({ shelf, key }: Asking, ask: (isVoid: () => boolean) => Promise<T>): Promise<T> {
  const ticket: Ticket = { isVoid: false }
  const tickets = shelf.underWay.get(key) ?? new Set()
  shelf.underWay.set(key, tickets.add(ticket))
  try {
    return await ask(() => ticket.isVoid)
  } finally {
    tickets.delete(ticket)
    if (tickets.size === 0) shelf.underWay.delete(key)
  }
}

/** Keeps, replaces or forgets the answer as judged. Errors of a server neither take the place of an answer nor end one. */
export async function keep(asking: Asking, answer: HttpAnswer, delayMs: number, judgement: Judgement): Promise<void> {
  const { shelf, key, clock, question } = asking
  const { kept: allowed, forgotten } = judgement
  if (answer.status >= 500) return
  if (!allowed) {
    if (forgotten.length > 0) await shelf.store.delete(key)
    return
  }
  const { headers, ageMs, ...kept } = allowed
  const keepMs = keepMsOf(asking, answer, kept)
  const ownHeaders = keptHeaders(answer.headers, headers)
  const at = momentOf(clock, ageMs + delayMs)
  const entry: HttpEntry = { status: answer.status, headers: ownHeaders, kept, keepMs, at, body: answer.body }
  const others = kept.vary ? ((await shelf.store.get(key)) ?? new Uint8Array()) : new Uint8Array()
  const entries = withVariant(unpackEntries(others), entry).filter((each) => leftMs(each, clock) > 0)
  if (entries.length === 0 || !variantFor(entries, question.headers)) return
  await shelf.store.set(key, packEntries(entries), Math.max(...entries.map((each) => leftMs(each, clock))))
}

function keepMsOf(asking: Asking, { status, headers }: HttpAnswer, kept: Kept): number {
  const freshness = freshnessFor(asking, status)
  const stale = Math.max(windowMs(kept, 'stale-while-revalidate'), windowMs(kept, 'stale-if-error'))
  const servedMs = freshness ? keptMs(freshness) : kept.lifetimeMs + stale
  const isValidated = kept.etag !== undefined || headers['last-modified'] !== undefined
  return isValidated ? Math.max(servedMs, VALIDATED_MS) : servedMs
}

function windowMs({ directives }: Kept, name: 'stale-while-revalidate' | 'stale-if-error'): number {
  return (directives?.[name] ?? 0) * 1_000
}

function leftMs({ at, keepMs }: HttpEntry, clock: Clock): number {
  return keepMs - (ageOf(at, clock) ?? keepMs)
}

/** Forgets these addresses, as one with these credentials knows them, and what is on its way from there. */
export async function invalidate({ shelf, credentials }: Asking, addresses: readonly string[]): Promise<void> {
  const keys = [...new Set(addresses)].flatMap((address) => [
    storeKey(address, credentials, false),
    storeKey(address, credentials, true),
  ])
  for (const key of keys) for (const ticket of shelf.underWay.get(key) ?? []) ticket.isVoid = true
  await Promise.all(keys.map((key) => shelf.store.delete(key)))
}
