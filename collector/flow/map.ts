// run.map: the same work for many items, a few at a time, with the results in the items' order.

import { AsyncLocalStorage } from 'node:async_hooks'
import { type Context, context, createContextKey } from '@opentelemetry/api'
import { checkWhole } from '#collector/amounts.ts'
import { checkFunction } from '#collector/arguments.ts'
import { type MapFunction, type Mapping, type MapResult, mapping } from '#collector/flow/mapping.ts'
import { type Permits, permits } from '#collector/flow/permits.ts'
import { type Ongoing, placeIn } from '#collector/ongoing.ts'
import { BadInput } from '#model/errors.ts'

export type MapOptions = {
  /** How many items at once: a whole number from 1. Default 10. */
  concurrency?: number | undefined
  /** How many fetches at once to one host, counted over this map alone. Default: no limit. */
  perHost?: number | undefined
  /** Ends the map: no more items are begun, and the signal of those under way aborts. */
  signal?: AbortSignal | undefined
  /** The first item that fails ends the map with its error. Default: false, a failed item is a result. */
  stopOnError?: boolean | undefined
}

/**
 * Either awaited: all results in the items' order. Or iterated, once: the same results as they become ready, while no
 * more than `concurrency` items are begun ahead of the one handed out last; leaving the loop begins no more, aborts the
 * signal, and goes on when what was under way has ended.
 */
export type Mapped<T, R> = Pick<Promise<MapResult<T, R>[]>, 'then' | 'catch' | 'finally'> &
  AsyncIterable<MapResult<T, R>>

const PER_HOST = createContextKey('cyclewatch.per-host')
/** OpenTelemetry's contexts hold nothing while no SDK is started; the limit holds all the same. */
const perHostNow = new AsyncLocalStorage<PerHost>()
type PerHost = (host: string) => Permits

/** The permits of the innermost map with a `perHost` around the code that runs in this context. */
export function perHostIn(around: Context): PerHost | undefined {
  return (around.getValue(PER_HOST) as PerHost | undefined) ?? perHostNow.getStore()
}

/**
 * Runs `fn` for every item, from now on and in the context of the caller, so that its steps hang where the map was
 * called. Items are taken from `items` only when their turn has come. Throws BadInput for options out of range. The map
 * rejects with what `items` throws, with the signal's reason, or with `stopOnError` with the item's error, and always
 * only when all that was under way has ended.
 */
export function mapIn<T, R>(
  ongoing: Ongoing,
  items: Iterable<T> | AsyncIterable<T>,
  options: MapOptions,
  fn: MapFunction<T, R>,
): Mapped<T, R> {
  const { concurrency = 10, perHost, signal, stopOnError = false } = options
  checkFunction(fn, 'map')
  checkWhole(concurrency, 'the concurrency of map')
  if (perHost !== undefined) checkWhole(perHost, 'perHost of map')
  const source = iteratorOf(items)
  const hosts = perHost === undefined ? undefined : hostPermits(perHost)
  const { context: around } = placeIn(ongoing)
  const inside = hosts ? around.setValue(PER_HOST, hosts) : around
  const enter = <V>(code: () => V): V => context.with(inside, () => (hosts ? perHostNow.run(hosts, code) : code()))
  return handed(enter(() => mapping(source, { concurrency, signal, stopOnError }, fn)))
}

function iteratorOf<T>(items: Iterable<T> | AsyncIterable<T>): Iterator<T> | AsyncIterator<T> {
  const source = items as Partial<Iterable<T> & AsyncIterable<T>> | null | undefined
  const iterator = source?.[Symbol.asyncIterator]?.() ?? source?.[Symbol.iterator]?.()
  if (!iterator) throw new BadInput('the items of map must be a list, or something else that for await can go through')
  return iterator
}

function hostPermits(limit: number): PerHost {
  const hosts = new Map<string, Permits>()
  return (host) => {
    const known = hosts.get(host)
    if (known) return known
    const made = permits({ limit, what: `fetches to ${host}` })
    hosts.set(host, made)
    return made
  }
}

/** The first use decides whether results are collected or handed out one by one. */
function handed<T, R>({ all, stream }: Mapping<T, R>): Mapped<T, R> {
  let use: { state: 'open' } | { state: 'awaited'; results: Promise<MapResult<T, R>[]> } | { state: 'iterated' } = {
    state: 'open',
  }
  function results(): Promise<MapResult<T, R>[]> {
    if (use.state === 'iterated') return Promise.reject(usedTwice())
    if (use.state === 'open') use = { state: 'awaited', results: all() }
    return use.results
  }
  return {
    // biome-ignore lint/suspicious/noThenProperty: it is meant to be awaited
    then: (onDone, onFailed) => results().then(onDone, onFailed),
    catch: (onFailed) => results().catch(onFailed),
    finally: (onEnd) => results().finally(onEnd),
    [Symbol.asyncIterator]() {
      if (use.state !== 'open') throw usedTwice()
      use = { state: 'iterated' }
      return stream()
    },
  }
}

function usedTwice(): BadInput {
  return new BadInput('a map can be awaited, or iterated once, and not both: keep its results to use them again')
}
