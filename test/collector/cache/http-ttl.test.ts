import { describe, expect, test } from 'vitest'
import type { HttpCacheOptions } from '#collector/cache/http.ts'
import { memoryStore } from '#collector/cache/memory-store.ts'
import { fetching, STORES, standStill, startUpstream } from '#test/collector/cache/caching.ts'

type Headers = Record<string, string>

/** What upstreams say that would keep a cache from keeping. */
const BAD: { name: string; headers: Headers }[] = [
  { name: 'nothing', headers: {} },
  {
    name: 'no-store',
    headers: { 'cache-control': 'no-store, no-cache, must-revalidate, private', pragma: 'no-cache' },
  },
  { name: 'too long a life', headers: { 'cache-control': 'max-age=31536000, immutable' } },
  { name: 'the past', headers: { expires: 'Thu, 01 Jan 1970 00:00:00 GMT' } },
  { name: 'nonsense', headers: { expires: '0', 'cache-control': 'max-age=soon' } },
  { name: 'a wrong clock', headers: { date: 'Mon, 01 Jan 2024 00:00:00 GMT', age: '99999' } },
  { name: 'Vary: *', headers: { vary: 'accept, *' } },
  { name: 'a cookie', headers: { 'set-cookie': 'cf=1' } },
]

describe.each(STORES)('in a $kind store', ({ open }) => {
  test.each(BAD)('ttlMs holds to the millisecond where the upstream says $name', async ({ headers }) => {
    const pass = standStill()
    const { url } = await startUpstream((response, _, count) => response.writeHead(200, headers).end(`no. ${count}`))
    // The time it takes to ask counts, and this machine may be slow.
    const { get } = fetching({ store: open(), ttlMs: 30_500 })
    expect((await get(url)).headers).toMatchObject(headers['set-cookie'] ? {} : headers)
    pass(20)
    const hit = await get(url)
    expect(hit).toMatchObject({ cache: 'fresh', text: 'no. 1' })
    expect(hit.headers['cache-control']).toBe(headers['cache-control'])
    pass(10.501)
    expect(await get(url)).toMatchObject({ cache: 'miss', text: 'no. 2' })
  })
})

const WINDOWS: { name: string; options: HttpCacheOptions; after: number; again: string; text: string }[] = [
  { name: 'within neither window', options: {}, after: 31, again: 'miss', text: 'sorry' },
  { name: 'while revalidating', options: { staleWhileRevalidateMs: 60_000 }, after: 60, again: 'stale', text: 'seven' },
  { name: 'after that', options: { staleWhileRevalidateMs: 60_000 }, after: 91, again: 'miss', text: 'sorry' },
  { name: 'on errors', options: { staleIfErrorMs: 60_000 }, after: 60, again: 'stale', text: 'seven' },
  { name: 'on errors, too late', options: { staleIfErrorMs: 60_000 }, after: 91, again: 'miss', text: 'sorry' },
]

test.each(WINDOWS)('$name: $again', async ({ options, after, again, text }) => {
  const pass = standStill()
  const { url } = await startUpstream((response, _, count) => {
    if (count === 1) response.writeHead(200, { 'cache-control': 'no-store' }).end('seven')
    else response.writeHead(500, {}).end('sorry')
  })
  const { get } = fetching({ store: memoryStore({ maxBytes: 10_000 }), ttlMs: 30_000, ...options })
  await get(url)
  pass(after)
  expect(await get(url)).toMatchObject({ cache: again, text })
})

const STATUSES = [
  { status: 200, notFound: false, again: 'fresh' },
  { status: 404, notFound: false, again: 'miss' },
  { status: 404, notFound: true, again: 'fresh' },
  { status: 203, notFound: true, again: 'miss' },
  { status: 301, notFound: true, again: 'miss' },
  { status: 429, notFound: true, again: 'miss' },
  { status: 500, notFound: true, again: 'miss' },
]

test.each(STATUSES)('$status with notFound $notFound is $again', async ({ status, notFound, again }) => {
  const { url } = await startUpstream((response) => response.writeHead(status, {}).end('what'))
  const { get } = fetching({ store: memoryStore({ maxBytes: 10_000 }), ttlMs: 30_000, notFound })
  expect(await get(url)).toMatchObject({ status, cache: 'miss' })
  expect(await get(url)).toMatchObject({ status, cache: again, text: 'what' })
})

test('a 304 begins the time to live anew', async () => {
  const pass = standStill()
  const { url, heard } = await startUpstream((response, { headers }) => {
    if (headers['if-none-match']) response.writeHead(304, { etag: '"a"', 'cache-control': 'no-store' }).end()
    else response.writeHead(200, { etag: '"a"', 'cache-control': 'no-store' }).end('seven')
  })
  const { get } = fetching({ store: memoryStore({ maxBytes: 10_000 }), ttlMs: 30_000 })
  await get(url)
  pass(31)
  expect(await get(url)).toMatchObject({ cache: 'revalidated', text: 'seven' })
  pass(29)
  expect(await get(url)).toMatchObject({ cache: 'fresh', text: 'seven' })
  expect(heard).toHaveLength(2)
})

test('who asks for a shorter life than another gets one, and who asks for none gets the upstream’s', async () => {
  const pass = standStill()
  const { url } = await startUpstream((response, _, count) => response.writeHead(200, {}).end(`no. ${count}`))
  const store = memoryStore({ maxBytes: 10_000 })
  const { get } = fetching({ store, ttlMs: 3_600_000 })
  await get(url)
  pass(60)
  expect(await get(url)).toMatchObject({ cache: 'fresh', text: 'no. 1' })
  expect(await get(url, { cache: { store } })).toMatchObject({ cache: 'miss', text: 'no. 2' })
  expect(await get(url, { cache: { store, ttlMs: 30_000 } })).toMatchObject({ cache: 'miss', text: 'no. 3' })
})

test('the time it takes to ask counts', async () => {
  const { url } = await startUpstream((response, _, count) => {
    setTimeout(() => response.writeHead(200, {}).end(`no. ${count}`), 60)
  })
  const { get } = fetching({ store: memoryStore({ maxBytes: 10_000 }), ttlMs: 50 })
  await get(url)
  expect(await get(url)).toMatchObject({ cache: 'miss', text: 'no. 2' })
})

test('a clock that is set back makes nothing young', async () => {
  const pass = standStill()
  const { url, heard } = await startUpstream((response) => response.writeHead(200, {}).end())
  const { get } = fetching({ store: memoryStore({ maxBytes: 10_000 }), ttlMs: 200 })
  await get(url)
  pass(-3_600)
  await new Promise((resolve) => setTimeout(resolve, 250))
  expect(await get(url)).toMatchObject({ cache: 'miss' })
  expect(heard).toHaveLength(2)
})

test.each([
  { options: { ttlMs: 0 }, says: 'ttlMs of the cache of a fetch is 0' },
  { options: { ttlMs: Number.NaN }, says: 'above 0' },
  { options: { ttlMs: '5' as unknown as number }, says: "is '5'" },
  { options: { ttlMs: 1, staleIfErrorMs: -1 }, says: 'staleIfErrorMs of the cache of a fetch is -1' },
  { options: { staleWhileRevalidateMs: 5 }, says: 'need a ttlMs' },
  { options: { notFound: true }, says: 'need a ttlMs' },
])('refuses $options', async ({ options, says }) => {
  const { get } = fetching(options)
  await expect(get('http://127.0.0.1:1')).rejects.toThrow(says)
})
