import { describe, expect, test } from 'vitest'
import { memoryStore } from '#collector/cache/memory-store.ts'
import { type CachedOptions, cachedIn } from '#collector/cache/values.ts'
import { newOngoing, STORES, standStill, until } from '#test/collector/cache/caching.ts'

/** A load that counts, and fails or waits when told to. */
function startLoading() {
  const loading = { count: 0, error: undefined as Error | undefined, held: Promise.resolve() }
  const load = async () => {
    loading.count += 1
    const { count } = loading
    await loading.held
    if (loading.error) throw loading.error
    return { count, at: new Date(0) }
  }
  return { loading, load }
}

function hold(loading: { held: Promise<void> }): () => void {
  let release = () => {}
  loading.held = new Promise<void>((resolve) => {
    release = resolve
  })
  return () => release()
}

const newStore = () => memoryStore({ maxBytes: 100_000 })

describe.each(STORES)('in a $kind store', ({ open }) => {
  test('loads once in a time to live, for cycles of all kinds', async () => {
    const pass = standStill()
    const { loading, load } = startLoading()
    const options = { ttlMs: 60_000, store: open() }
    const [first, second] = [newOngoing(), newOngoing()]
    const value = { count: 1, at: '1970-01-01T00:00:00.000Z' }
    expect(await cachedIn<unknown>(first, 'rates', options, load)).toEqual(value)
    pass(60)
    expect(await cachedIn<unknown>(second, 'rates', options, load)).toEqual(value)
    expect(await cachedIn<unknown>(second, 'others', options, load)).toMatchObject({ count: 2 })
    pass(0.001)
    expect(await cachedIn<unknown>(second, 'rates', options, load)).toMatchObject({ count: 3 })
    expect(loading.count).toBe(3)
    expect([first.totals.cacheHits, first.totals.cacheMisses]).toEqual([0, 1])
    expect([second.totals.cacheHits, second.totals.cacheMisses]).toEqual([1, 2])
  })

  test('serves stale while it renews once in the background, and then the new one', async () => {
    const pass = standStill()
    const { loading, load } = startLoading()
    const options = { ttlMs: 1_000, staleWhileRevalidateMs: 60_000, store: open() }
    const get = () => cachedIn(newOngoing(), 'rates', options, load)
    await get()
    pass(30)
    const release = hold(loading)
    for (let turn = 0; turn < 3; turn += 1) expect(await get()).toMatchObject({ count: 1 })
    await until(() => loading.count === 2)
    release()
    while ((await get()).count === 1) await new Promise((resolve) => setImmediate(resolve))
    expect(loading.count).toBe(2)
    pass(62)
    expect(await get()).toMatchObject({ count: 3 })
  })

  test('serves stale when loading fails, as long as it may, and keeps no error', async () => {
    const pass = standStill()
    const { loading, load } = startLoading()
    const options = { ttlMs: 1_000, staleIfErrorMs: 60_000, store: open() }
    const ongoing = newOngoing()
    const get = () => cachedIn(ongoing, 'rates', options, load)
    await get()
    loading.error = new Error('the upstream is down')
    pass(61)
    expect(await get()).toMatchObject({ count: 1 })
    pass(0.001)
    await expect(get()).rejects.toThrow('the upstream is down')
    loading.error = undefined
    expect(await get()).toMatchObject({ count: 4 })
    // Each of the three that loaded missed; what was served instead counts as what it is.
    expect(ongoing.totals).toMatchObject({ cacheMisses: 4, cacheHits: 1 })
  })

  test.each([null, 0, '', false, [], 'grüße', { a: [1, { b: null }] }])('keeps %j', async (value) => {
    const store = open()
    const get = (load: () => unknown) => cachedIn(newOngoing(), 'k', { ttlMs: 60_000, store }, load)
    expect(await get(() => value)).toEqual(value)
    expect(await get(() => 'another')).toEqual(value)
  })
})

test('a failing renewal is told to the next look-up, and stale goes on being served', async () => {
  const pass = standStill()
  const { loading, load } = startLoading()
  const options = { ttlMs: 1_000, staleWhileRevalidateMs: 60_000, store: newStore() }
  const get = () => cachedIn(newOngoing(), 'rates', options, load)
  await get()
  pass(30)
  loading.error = new Error('the upstream is down')
  for (let turn = 2; turn < 5; turn += 1) {
    expect(await get()).toMatchObject({ count: 1 })
    await until(() => loading.count === turn)
    await new Promise((resolve) => setImmediate(resolve))
  }
})

test('failing may outlast the time in which stale may be served', async () => {
  const pass = standStill()
  const { loading, load } = startLoading()
  const options = { ttlMs: 1_000, staleIfErrorMs: 60_000, store: newStore() }
  const get = () => cachedIn(newOngoing(), 'rates', options, load)
  await get()
  pass(50)
  const release = hold(loading)
  loading.error = new Error('timed out')
  const late = get()
  await until(() => loading.count === 2)
  pass(20)
  release()
  await expect(late).rejects.toThrow('timed out')
})

test('loads once for all who ask meanwhile, and gives each a copy', async () => {
  const { loading, load } = startLoading()
  const store = newStore()
  const release = hold(loading)
  const all = Array.from({ length: 10 }, () => cachedIn(newOngoing(), 'rates', { ttlMs: 60_000, store }, load))
  await until(() => loading.count === 1)
  release()
  const values = await Promise.all(all)
  expect(loading.count).toBe(1)
  expect(new Set(values).size).toBe(10)
})

test('a failure is everybody’s; one who gave up concerns nobody else', async () => {
  const { loading, load } = startLoading()
  const store = newStore()
  const get = (options: Partial<CachedOptions> = {}) =>
    cachedIn(newOngoing(), 'rates', { ttlMs: 60_000, store, ...options }, load)
  loading.error = new Error('down')
  expect((await Promise.allSettled([get(), get(), get()])).map(({ status }) => status)).toEqual(
    Array(3).fill('rejected'),
  )
  expect(loading.count).toBe(1)

  const giveUp = new AbortController()
  const release = hold(loading)
  const first = get({ signal: giveUp.signal })
  const second = get()
  await until(() => loading.count === 2)
  giveUp.abort()
  loading.error = new Error('given up')
  release()
  loading.held = Promise.resolve()
  await expect(first).rejects.toThrow('given up')
  // The second loads for itself; that this fails as well is its own failure.
  await expect(second).rejects.toThrow('given up')
  expect(loading.count).toBe(3)
})

test('two who allow different ages do not share', async () => {
  const { loading, load } = startLoading()
  const store = newStore()
  await Promise.all([1_000, 2_000].map((ttlMs) => cachedIn(newOngoing(), 'rates', { ttlMs, store }, load)))
  expect(loading.count).toBe(2)
})

test.each([
  { name: 'undefined', value: undefined },
  { name: 'a bigint', value: 5n },
  { name: 'a function', value: () => 1 },
])('hands out $name as it is, each time anew', async ({ value }) => {
  let count = 0
  const load = () => {
    count += 1
    return value
  }
  const store = newStore()
  for (let turn = 0; turn < 2; turn += 1) {
    expect(await cachedIn(newOngoing(), 'k', { ttlMs: 60_000, store }, load)).toBe(value)
  }
  expect(count).toBe(2)
})

test.each([
  { key: '', options: { ttlMs: 1 }, says: 'the key of a cached value must not be empty' },
  { key: 'k', options: { ttlMs: 0 }, says: "ttlMs of cached 'k' is 0; it must be a number of milliseconds above 0" },
  { key: 'k', options: {}, says: "ttlMs of cached 'k' is undefined" },
  { key: 'k', options: undefined, says: "ttlMs of cached 'k' is undefined" },
  { key: 'k', options: { ttlMs: 1, staleWhileRevalidateMs: -1 }, says: 'from 0' },
  { key: 'k', options: { ttlMs: 1, signal: 'now' }, says: 'signal must be an AbortSignal' },
])('refuses $key $options', async ({ key, options, says }) => {
  await expect(cachedIn(newOngoing(), key, options as CachedOptions, () => 1)).rejects.toThrow(says)
})
