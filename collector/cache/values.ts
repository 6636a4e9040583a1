// run.cached: any JSON value by a key, loaded when there is none young enough.

import { checkFunction, checkName } from '#collector/arguments.ts'
import { ageOf, type Clock, isMoment, type Moment, momentOf, SYSTEM_CLOCK } from '#collector/cache/ages.ts'
import { type Flights, type Landing, oneAtATime } from '#collector/cache/flights.ts'
import {
  type Freshness,
  type FreshnessOptions,
  freshnessOf,
  keptMs,
  servesErrors,
  stageOf,
} from '#collector/cache/freshness.ts'
import { processStore } from '#collector/cache/memory-store.ts'
import { pack, unpack } from '#collector/cache/records.ts'
import { noRenewals, type Renewals, renewSoon } from '#collector/cache/renewals.ts'
import { type CacheStore, type CarefulStore, carefully } from '#collector/cache/stores.ts'
import { type LookUp, tellLookUp } from '#collector/cache/telling.ts'
import type { Ongoing } from '#collector/ongoing.ts'
import { redact } from '#collector/redact.ts'
import { stepIn } from '#collector/steps.ts'
import { warn } from '#collector/telemetry/trouble.ts'
import { BadInput, messageOf } from '#model/errors.ts'

export type CachedOptions = FreshnessOptions & {
  /** Default: 64 MB of memory, shared by all caches of the process that name no store. */
  store?: CacheStore | undefined
  /** Ends the waiting for a load that somebody else began; a load of one's own listens itself. */
  signal?: AbortSignal | undefined
  /** Of the step; few different ones, as steps are grouped by it. Default: cache. */
  name?: string | undefined
}

/** A loaded value as JSON, or as it is when JSON cannot say it; then it is not kept. */
type Loaded = { json: string; ageMs: number } | { raw: unknown }
type Entry = { json: string; bytes: number; at: Moment }
type Shelf = { store: CarefulStore; flights: Flights<Loaded>; renewals: Renewals }
type Asking = { ongoing: Ongoing; shelf: Shelf; key: string; name: string; freshness: Freshness; clock: Clock }

const shelves = new WeakMap<CacheStore, Shelf>()

/**
 * What `load` gave no longer ago than `ttlMs`, by this process or through the store by another; else what it gives now.
 * The age counts from the end of the load. Everyone gets a copy of their own, as JSON has it: also the one who loads, so
 * that a Date is a text at once and not from the second run on. Errors are never kept. Throws BadInput for wrong options.
 */
export async function cachedIn<T>(
  ongoing: Ongoing,
  key: string,
  options: CachedOptions,
  load: () => T | PromiseLike<T>,
  clock: Clock = SYSTEM_CLOCK,
): Promise<T> {
  checkName(key, 'the key of a cached value')
  checkFunction(load, `cached '${key}'`)
  const freshness = freshnessOf(options, `cached '${key}'`)
  const { store = processStore(), signal, name = 'cache' } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new BadInput('signal must be an AbortSignal')
  const asking: Asking = { ongoing, shelf: shelfOf(store), key, name, freshness, clock }
  const loaded = await oneAtATime(
    asking.shelf.flights,
    sharingKey(asking),
    signal,
    () => lead(asking, load),
    (wait) => follow(asking, wait),
  )
  return ('json' in loaded ? JSON.parse(loaded.json) : loaded.raw) as T
}

function shelfOf(store: CacheStore): Shelf {
  const known = shelves.get(store)
  if (known) return known
  const shelf = { store: carefully(store), flights: new Map(), renewals: noRenewals() }
  shelves.set(store, shelf)
  return shelf
}

/** Who allows less age than another must not get what the other was content with. */
function sharingKey({ key, freshness: { ttlMs, whileRevalidateMs, ifErrorMs } }: Asking): string {
  return `${ttlMs} ${whileRevalidateMs} ${ifErrorMs} ${key}`
}

/** The step is the look-up; what `load` does shows beside it. */
async function lead(asking: Asking, load: () => unknown): Promise<Loaded> {
  const { shelf, key, freshness, clock } = asking
  const entry = await inStep(asking, async (tell) => {
    const found = await read(asking)
    tell(found ? lookUpOf(found, freshness, clock) : { state: 'absent' })
    return found
  })
  const ageMs = entry ? ageOf(entry.at, clock) : undefined
  const stage = ageMs === undefined ? 'expired' : stageOf(ageMs, freshness)
  if (entry && ageMs !== undefined && stage !== 'expired') {
    if (stage === 'stale') renewSoon(shelf.renewals, key, () => loadAndKeep(asking, load))
    return { json: entry.json, ageMs }
  }
  try {
    return await loadAndKeep(asking, load)
  } catch (error) {
    const fallback = entry && (await inStead(asking, entry))
    if (fallback) return fallback
    throw error
  }
}

/** Its age is looked at anew: failing may have taken long. */
async function inStead(asking: Asking, { at, json, bytes }: Entry): Promise<Loaded | undefined> {
  const ageMs = ageOf(at, asking.clock)
  if (ageMs === undefined || !servesErrors(ageMs, asking.freshness)) return undefined
  await inStep(asking, async (tell) => tell({ state: 'stale', ageMs, bytes }))
  return { json, ageMs }
}

/** The step is as long as the waiting, which would show nowhere else. */
function follow(asking: Asking, wait: () => Promise<Landing<Loaded>>): Promise<Landing<Loaded>> {
  return inStep(asking, async (tell) => {
    const landing = await wait()
    if (landing.state === 'failed') tell({ state: 'absent' })
    else if ('raw' in landing.value) tell({ state: 'joined', ageMs: 0, bytes: 0 })
    else tell({ state: 'joined', ageMs: landing.value.ageMs, bytes: Buffer.byteLength(landing.value.json) })
    return landing
  })
}

function inStep<T>({ ongoing, shelf, key, name }: Asking, look: (tell: (found: LookUp) => void) => Promise<T>) {
  return stepIn(ongoing, name, 'cache', (step) => {
    step.set('cache.key', redact(key).slice(0, 200))
    return look((found) => tellLookUp(step, found, shelf.renewals.failed.get(key)))
  })
}

function lookUpOf({ at, bytes }: Entry, freshness: Freshness, clock: Clock): LookUp {
  const ageMs = ageOf(at, clock)
  if (ageMs === undefined) return { state: 'absent' }
  const state = stageOf(ageMs, freshness)
  return state === 'expired' ? { state, ageMs } : { state, ageMs, bytes }
}

async function read({ shelf, key }: Asking): Promise<Entry | undefined> {
  const bytes = await shelf.store.get(storeKey(key))
  const record = bytes && unpack(bytes)
  if (!record) return undefined
  const { at } = (record.facts ?? {}) as { at?: unknown }
  return isMoment(at) ? { json: record.body.toString('utf8'), bytes: record.body.byteLength, at } : undefined
}

async function loadAndKeep({ shelf, key, freshness, clock }: Asking, load: () => unknown): Promise<Loaded> {
  const raw = await load()
  const json = jsonOf(raw, key)
  if (json === undefined) return { raw }
  const at = momentOf(clock)
  await shelf.store.set(storeKey(key), pack({ at }, Buffer.from(json)), keptMs(freshness))
  return { json, ageMs: 0 }
}

function jsonOf(value: unknown, key: string): string | undefined {
  let reason = `JSON has no ${typeof value}`
  try {
    const json = JSON.stringify(value) as string | undefined
    if (json !== undefined) return json
  } catch (error) {
    reason = messageOf(error)
  }
  warn(`the value of cached '${redact(key)}' is not kept: ${reason}`)
  return undefined
}

function storeKey(key: string): string {
  return `value ${key}`
}
