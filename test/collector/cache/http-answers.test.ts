import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { memoryStore } from '#collector/cache/memory-store.ts'
import { fetching, standStill, startUpstream, until } from '#test/collector/cache/caching.ts'

type Headers = Record<string, string>

test('decodes once, also from the cache', async () => {
  const { url, heard } = await startUpstream((response) => {
    const headers = { 'cache-control': 'max-age=60', 'content-encoding': 'gzip', vary: 'accept-encoding' }
    response.writeHead(200, headers).end(gzipSync('seven'))
  })
  const { get } = fetching({ store: memoryStore({ maxBytes: 10_000 }) })
  const headers = { 'accept-encoding': 'gzip' }
  expect(await get(url, { headers })).toMatchObject({ text: 'seven' })
  expect(await get(url, { headers })).toMatchObject({ text: 'seven', cache: 'fresh' })
  expect(await get(url, { headers: { 'accept-encoding': 'br' } })).toMatchObject({ text: 'seven', cache: 'miss' })
  expect(heard).toHaveLength(2)
})

test('hands out a body that nobody else can change', async () => {
  const { url } = await startUpstream((response) =>
    response.writeHead(200, { 'cache-control': 'max-age=60' }).end('seven'),
  )
  const { get } = fetching({ store: memoryStore({ maxBytes: 10_000 }) })
  const [first, joined] = await Promise.all([get(url), get(url)])
  first.body.fill(0)
  expect(joined.body.toString()).toBe('seven')
  const hit = await get(url)
  hit.body.fill(0)
  expect((await get(url)).text).toBe('seven')
})

test('fetches what is too large to keep each time', async () => {
  const { url, heard } = await startUpstream((response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60' }).end('x'.repeat(5_000))
  })
  const store = memoryStore({ maxBytes: 100_000, maxEntryBytes: 4_000 })
  const { get } = fetching({ store })
  for (let turn = 0; turn < 2; turn += 1) expect((await get(url)).text).toHaveLength(5_000)
  expect(heard).toHaveLength(2)
  expect(store.bytes).toBe(0)
})

test('keeps answers to credentials, each for whoever has them', async () => {
  const { url, heard } = await startUpstream((response, { headers }) => {
    const who = headers.authorization ?? headers['x-api-key'] ?? headers.cookie ?? 'nobody'
    response.writeHead(200, { 'cache-control': 'max-age=60' }).end(who)
  })
  const { get } = fetching({ store: memoryStore({ maxBytes: 100_000 }) })
  const people: Headers[] = [
    { authorization: 'Bearer ann' },
    { authorization: 'Bearer bob' },
    { 'x-api-key': 'eve' },
    { cookie: 'a=1' },
    {},
  ]
  for (const cache of ['miss', 'fresh']) {
    for (const headers of people) {
      expect(await get(url, { headers })).toMatchObject({ cache, text: Object.values(headers)[0] ?? 'nobody' })
    }
  }
  expect(heard).toHaveLength(people.length)
})

test('gives cookies to none but who got them', async () => {
  const { url } = await startUpstream((response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60', 'set-cookie': ['a=1', 'b=2'] }).end('seven')
  })
  const { get } = fetching({ store: memoryStore({ maxBytes: 100_000 }) })
  expect((await get(url)).headers['set-cookie']).toEqual(['a=1', 'b=2'])
  const again = await get(url)
  expect(again.cache).toBe('fresh')
  expect(again.headers).not.toHaveProperty('set-cookie')
})

test.each([
  { name: 'a range', headers: { range: 'bytes=0-1' } },
  { name: 'a condition', headers: { 'if-none-match': '"z"' } },
  { name: 'no-store', headers: { 'cache-control': 'no-store' } },
])('a request with $name passes the cache by', async ({ headers }) => {
  const { url, heard } = await startUpstream((response) =>
    response.writeHead(200, { 'cache-control': 'max-age=60', etag: '"a"' }).end('seven'),
  )
  const { get } = fetching({ store: memoryStore({ maxBytes: 100_000 }) })
  await get(url)
  for (let turn = 0; turn < 2; turn += 1) expect(await get(url, { headers })).toMatchObject({ cache: 'none' })
  expect(heard).toHaveLength(3)
  expect(heard[1]?.headers).toMatchObject(headers)
})

test('an upstream without validators is not asked for changes since then', async () => {
  const pass = standStill()
  const { url, heard } = await startUpstream((response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60, stale-if-error=600' }).end('seven')
  })
  const { get } = fetching({ store: memoryStore({ maxBytes: 100_000 }) })
  await get(url)
  pass(90)
  expect(await get(url)).toMatchObject({ cache: 'miss' })
  expect(heard[1]?.headers).not.toHaveProperty('if-modified-since')
})

test('a 304 without a date is as old as its arrival', async () => {
  const pass = standStill()
  const { url, heard } = await startUpstream((response, { headers }) => {
    const date = new Date().toUTCString()
    if (headers['if-none-match']) response.writeHead(304, { etag: '"a"' }).end()
    else response.writeHead(200, { etag: '"a"', 'cache-control': 'max-age=60', date }).end('seven')
  })
  const { get } = fetching({ store: memoryStore({ maxBytes: 100_000 }) })
  await get(url)
  pass(3_600)
  expect(await get(url)).toMatchObject({ cache: 'revalidated' })
  pass(50)
  expect(await get(url)).toMatchObject({ cache: 'fresh' })
  expect(heard).toHaveLength(2)
})

test('failing may outlast the time in which stale may be served', async () => {
  const pass = standStill()
  const { url } = await startUpstream((response, _, count) => {
    if (count === 1) response.writeHead(200, { 'cache-control': 'max-age=60, stale-if-error=60' }).end('seven')
    else {
      pass(60)
      if (count === 2) response.writeHead(503, {}).end('sorry')
      else response.destroy()
    }
  })
  const { get } = fetching({ store: memoryStore({ maxBytes: 100_000 }) })
  await get(url)
  pass(90)
  expect(await get(url)).toMatchObject({ status: 503, cache: 'miss' })
  pass(-60)
  await expect(get(url)).rejects.toThrow()
})

test('an answer that a POST overtakes is not kept', async () => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const { url, heard } = await startUpstream(async (response, { method }, count) => {
    if (count === 1) await held
    response.writeHead(200, method === 'GET' ? { 'cache-control': 'max-age=60' } : {}).end(`no. ${count}`)
  })
  const { get } = fetching({ store: memoryStore({ maxBytes: 100_000 }) })
  const old = get(url)
  await until(() => heard.length === 1)
  await get(url, { method: 'POST' })
  release()
  expect(await old).toMatchObject({ text: 'no. 1' })
  expect(await get(url)).toMatchObject({ cache: 'miss', text: 'no. 3' })
})

test('a 304 about something else is not believed', async () => {
  const { url, heard } = await startUpstream((response, { headers }, count) => {
    if (headers['if-none-match']) response.writeHead(304, { etag: '"other"' }).end()
    else response.writeHead(200, { etag: '"a"', 'cache-control': 'no-cache' }).end(`no. ${count}`)
  })
  const { get } = fetching({ store: memoryStore({ maxBytes: 100_000 }) })
  await get(url)
  expect(await get(url)).toMatchObject({ status: 200, text: 'no. 3', cache: 'miss' })
  expect(heard).toHaveLength(3)
})
