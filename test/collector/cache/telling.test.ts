import { afterAll, beforeAll, expect, test } from 'vitest'
import { fetchCachedIn } from '#collector/cache/http.ts'
import { memoryStore } from '#collector/cache/memory-store.ts'
import { cachedIn } from '#collector/cache/values.ts'
import { stepIn } from '#collector/steps.ts'
import { standStill, until } from '#test/collector/cache/caching.ts'
import { type Scene, startScene } from '#test/collector/results/ongoing.ts'

let scene: Scene

beforeAll(async () => {
  scene = await startScene()
})
afterAll(() => scene.close())

const newStore = () => memoryStore({ maxBytes: 100_000 })

/** The steps of a cycle as name and what its cache told, in the order they ended. */
function steps() {
  return scene.receiver.spans
    .filter(({ name }) => name !== 'coins')
    .map(({ name, attributes }) => {
      const told = Object.entries(attributes).filter(([key]) => key.startsWith('cache.') && key !== 'cache.key')
      return [name, Object.fromEntries(told)]
    })
}

test('a value: the look-up is a step, and what loads stands beside it', async () => {
  const pass = standStill()
  const store = newStore()
  const options = { ttlMs: 100_000, staleIfErrorMs: 60_000, store, name: 'cache rates' }
  const key = 'rates?token=abc'
  const { root } = await scene.inCycle(async (ongoing) => {
    const get = (load: () => Promise<unknown>) => cachedIn(ongoing, key, options, load)
    await get(() => stepIn(ongoing, 'search', 'compute', async () => 'seven'))
    pass(50)
    await get(async () => 'eight')
    pass(100)
    await get(async () => {
      throw new Error('down')
    })
  })
  expect(steps()).toEqual([
    ['cache rates', { 'cache.state': 'absent', 'cache.hit': false }],
    ['search', {}],
    ['cache rates', { 'cache.state': 'fresh', 'cache.hit': true, 'cache.age_ms': 50_000, 'cache.bytes': 7 }],
    ['cache rates', { 'cache.state': 'expired', 'cache.hit': false, 'cache.age_ms': 150_000 }],
    ['cache rates', { 'cache.state': 'stale', 'cache.hit': true, 'cache.age_ms': 150_000, 'cache.bytes': 7 }],
  ])
  for (const span of scene.receiver.spans.filter(({ name }) => name !== 'coins')) {
    expect(span.parentSpanId).toBe(root.spanId)
    expect(span.status.code).toBe(0)
    if (span.name === 'search') continue
    expect(span.attributes).toMatchObject({ 'step.kind': 'cache', 'cache.key': 'rates?token=REDACTED' })
  }
})

test('a renewal that failed is told by the next look-up', async () => {
  const pass = standStill()
  const options = { ttlMs: 1_000, staleWhileRevalidateMs: 60_000, store: newStore() }
  await scene.inCycle(async (ongoing) => {
    await cachedIn(ongoing, 'rates', options, () => 7)
    pass(10)
    let hasFailed = false
    await cachedIn(ongoing, 'rates', options, () => {
      hasFailed = true
      throw Object.assign(new Error('down'), { code: 'ECONNRESET' })
    })
    await until(() => hasFailed)
    await cachedIn(ongoing, 'rates', options, () => 8)
  })
  expect(scene.receiver.named('cache').map(({ attributes }) => attributes['cache.renewal.error'])).toEqual([
    undefined,
    undefined,
    'ECONNRESET',
  ])
})

test('a fetch: a hit has no call, a miss is a look-up and then the call', async () => {
  const store = newStore()
  const request = {
    url: new URL('http://example.org/coins/7?token=abc'),
    method: 'GET',
    headers: [],
    signal: undefined,
    template: '/coins/{id}',
  }
  const { root } = await scene.inCycle(async (ongoing) => {
    let calls = 0
    const send = () =>
      stepIn(ongoing, 'GET /coins/{id}', 'fetch', async () => {
        calls += 1
        const headers = { 'cache-control': calls === 1 ? 'no-cache' : 'max-age=60', etag: '"a"' }
        return { status: calls === 2 ? 304 : 200, headers, body: Buffer.from(calls === 1 ? 'seven' : '') }
      })
    for (let turn = 0; turn < 3; turn += 1) await fetchCachedIn(ongoing, request, { store }, send)
  })
  const name = 'cache GET /coins/{id}'
  const age = expect.any(Number)
  expect(steps()).toEqual([
    [name, { 'cache.state': 'absent', 'cache.hit': false }],
    ['GET /coins/{id}', {}],
    [name, { 'cache.state': 'expired', 'cache.hit': false, 'cache.age_ms': age }],
    ['GET /coins/{id}', {}],
    [name, { 'cache.state': 'revalidated', 'cache.hit': true, 'cache.age_ms': 0, 'cache.bytes': 5 }],
    [name, { 'cache.state': 'fresh', 'cache.hit': true, 'cache.age_ms': age, 'cache.bytes': 5 }],
  ])
  for (const span of scene.receiver.named(name)) {
    expect(span.parentSpanId).toBe(root.spanId)
    expect(span.attributes).toMatchObject({
      'step.kind': 'cache',
      'url.full': 'http://example.org/coins/7?token=REDACTED',
      'url.template': '/coins/{id}',
    })
  }
})

test('a fetch that could not be renewed is told by the next look-up', async () => {
  const pass = standStill()
  const request = { url: new URL('http://example.org/'), method: 'GET', headers: [], signal: undefined }
  const options = { ttlMs: 1_000, staleWhileRevalidateMs: 60_000, staleIfErrorMs: 60_000, store: newStore() }
  let calls = 0
  const send = async () => {
    calls += 1
    return { status: calls === 1 ? 200 : 503, headers: {}, body: Buffer.from('seven') }
  }
  await scene.inCycle(async (ongoing) => {
    for (let turn = 0; turn < 3; turn += 1) {
      await fetchCachedIn(ongoing, request, options, send)
      if (turn === 0) pass(10)
      await until(() => calls > turn)
      await new Promise((resolve) => setImmediate(resolve))
    }
  })
  const errors = scene.receiver.named('cache GET').map(({ attributes }) => attributes['cache.renewal.error'])
  expect(errors).toEqual([undefined, undefined, '503'])
})

test('who joins another’s load waits in its step', async () => {
  const store = newStore()
  await scene.inCycle(async (ongoing) => {
    const load = () => new Promise((resolve) => setTimeout(resolve, 60, 'seven'))
    await Promise.all([1, 2].map(() => cachedIn(ongoing, 'rates', { ttlMs: 1_000, store }, load)))
  })
  const [miss, joined] = scene.receiver.named('cache')
  expect(miss?.attributes).toMatchObject({ 'cache.hit': false, 'cache.state': 'absent' })
  expect(joined?.attributes).toMatchObject({ 'cache.hit': true, 'cache.state': 'joined', 'cache.bytes': 7 })
  expect(joined?.durationMs).toBeGreaterThan(50)
  expect(miss?.durationMs).toBeLessThan(joined?.durationMs as number)
})
