import { describe, expect, test } from 'vitest'
import { memoryStore } from '#collector/cache/memory-store.ts'
import { fetching, STORES, standStill, startUpstream, until, untilFresh } from '#test/collector/cache/caching.ts'

type Headers = Record<string, string>

/** Asked at once and again after so many seconds. */
const AGAIN: { name: string; headers: Headers; after: number; again: string; calls: number }[] = [
  { name: 'max-age, young', headers: { 'cache-control': 'max-age=60' }, after: 50, again: 'fresh', calls: 1 },
  { name: 'max-age, old', headers: { 'cache-control': 'max-age=60' }, after: 61, again: 'miss', calls: 2 },
  { name: 'no-store', headers: { 'cache-control': 'no-store, max-age=60' }, after: 1, again: 'miss', calls: 2 },
  { name: 'private', headers: { 'cache-control': 'private, max-age=60' }, after: 1, again: 'fresh', calls: 1 },
  { name: 'nothing said', headers: {}, after: 1, again: 'miss', calls: 2 },
  { name: 'an Age', headers: { 'cache-control': 'max-age=60', age: '50' }, after: 11, again: 'miss', calls: 2 },
  { name: 'Vary: *', headers: { 'cache-control': 'max-age=60', vary: '*' }, after: 1, again: 'miss', calls: 2 },
  { name: 'no-cache', headers: { 'cache-control': 'no-cache', etag: '"a"' }, after: 1, again: 'revalidated', calls: 2 },
  { name: 'an ETag alone', headers: { etag: '"a"' }, after: 1, again: 'revalidated', calls: 2 },
  {
    name: 'an ETag, old',
    headers: { 'cache-control': 'max-age=60', etag: '"a"' },
    after: 3_600,
    again: 'revalidated',
    calls: 2,
  },
  { name: 'immutable alone', headers: { 'cache-control': 'immutable' }, after: 1, again: 'miss', calls: 2 },
  {
    name: 'Last-Modified alone, of which no lifetime is guessed',
    headers: { 'last-modified': 'Mon, 01 Jan 2024 00:00:00 GMT' },
    after: 1,
    again: 'revalidated',
    calls: 2,
  },
  {
    name: 'must-revalidate',
    headers: { 'cache-control': 'max-age=60, must-revalidate, stale-while-revalidate=600', etag: '"a"' },
    after: 61,
    again: 'revalidated',
    calls: 2,
  },
]

describe.each(STORES)('in a $kind store', ({ open }) => {
  test.each(AGAIN)('$name: $again after $after s', async ({ headers, after, again, calls }) => {
    const pass = standStill()
    const { url, heard } = await startUpstream((response, { headers: asked }) => {
      const isSame = headers.etag ? asked['if-none-match'] === headers.etag : asked['if-modified-since'] !== undefined
      response.writeHead(isSame ? 304 : 200, headers).end(isSame ? undefined : 'seven')
    })
    const { get, ongoing } = fetching({ store: open() })
    expect(await get(url)).toMatchObject({ status: 200, text: 'seven', cache: 'miss' })
    pass(after)
    expect(await get(url)).toMatchObject({ status: 200, text: 'seven', cache: again })
    expect(heard).toHaveLength(calls)
    // A look-up that has to ask is a miss, and a hit when the server lets it be used after all.
    const hits = again === 'miss' ? 0 : 1
    expect(ongoing.totals).toMatchObject({ cacheHits: hits, cacheMisses: calls })
  })

  test('is fresh again once a 304 with new headers has said so', async () => {
    const pass = standStill()
    const { url, heard } = await startUpstream((response, { headers }) => {
      const isSame = headers['if-none-match'] === '"a"'
      const told = { etag: '"a"', 'cache-control': 'max-age=60', 'x-turn': String(heard.length) }
      response.writeHead(isSame ? 304 : 200, { ...told, 'content-type': isSame ? 'text/html' : 'text/plain' })
      response.end(isSame ? undefined : 'seven')
    })
    const { get } = fetching({ store: open() })
    await get(url)
    pass(90)
    const renewed = await get(url)
    expect(renewed).toMatchObject({ cache: 'revalidated', text: 'seven' })
    expect(renewed.headers).toMatchObject({ 'x-turn': '2', 'content-type': 'text/plain' })
    pass(50)
    const again = await get(url)
    expect(again).toMatchObject({ cache: 'fresh', text: 'seven' })
    expect(again.headers).toMatchObject({ 'x-turn': '2', age: '50' })
    expect(heard).toHaveLength(2)
  })

  test('keeps variants apart, and finds each again', async () => {
    const { url, heard } = await startUpstream((response, { headers }) => {
      response.writeHead(200, { 'cache-control': 'max-age=60', vary: 'Accept-Language' })
      response.end(headers['accept-language'] ?? 'none')
    })
    const { get } = fetching({ store: open() })
    const languages: Headers[] = [{ 'accept-language': 'de' }, { 'Accept-Language': 'fr' }, {}]
    for (const headers of languages) expect(await get(url, { headers })).toMatchObject({ cache: 'miss' })
    const again = await Promise.all(languages.map((headers) => get(url, { headers })))
    expect(again.map(({ text, cache }) => [text, cache])).toEqual([
      ['de', 'fresh'],
      ['fr', 'fresh'],
      ['none', 'fresh'],
    ])
    expect(heard).toHaveLength(3)
  })

  test.each([
    { name: 'a POST that works', method: 'POST', status: 200, path: '/coins', again: 'miss' },
    { name: 'a DELETE that works', method: 'DELETE', status: 204, path: '/coins', again: 'miss' },
    { name: 'a POST elsewhere that names it', method: 'POST', status: 201, path: '/new', again: 'miss' },
    { name: 'a POST that fails', method: 'POST', status: 500, path: '/coins', again: 'fresh' },
    { name: 'a HEAD', method: 'HEAD', status: 200, path: '/coins', again: 'fresh' },
  ])('after $name it is $again', async ({ method, status, path, again }) => {
    const { url } = await startUpstream((response, heard) => {
      if (heard.method === 'GET') response.writeHead(200, { 'cache-control': 'max-age=60' }).end('coins')
      else response.writeHead(status, { location: '/coins' }).end()
    })
    const { get } = fetching({ store: open() })
    await get(`${url}/coins`)
    expect(await get(url + path, { method })).toMatchObject({ status, cache: 'none' })
    expect(await get(`${url}/coins`)).toMatchObject({ cache: again })
  })

  test('serves stale while one request renews it in the background', async () => {
    const pass = standStill()
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const { url, heard } = await startUpstream(async (response, _, count) => {
      if (count > 1) await held
      response.writeHead(200, { 'cache-control': 'max-age=60, stale-while-revalidate=60' }).end(`no. ${count}`)
    })
    const { get, sent } = fetching({ store: open() })
    await get(url)
    pass(90)
    for (let turn = 0; turn < 5; turn += 1) expect(await get(url)).toMatchObject({ cache: 'stale', text: 'no. 1' })
    await until(() => heard.length === 2)
    release()
    await untilFresh(() => get(url))
    expect(await get(url)).toMatchObject({ cache: 'fresh', text: 'no. 2' })
    expect(sent).toEqual({ foreground: 1, background: 1 })
    pass(121)
    expect(await get(url)).toMatchObject({ cache: 'miss', text: 'no. 3' })
  })

  const failing = [
    { name: 'a 503', status: 503, within: true },
    { name: 'a lost connection', status: 0, within: true },
    { name: 'a 503 too late', status: 503, within: false },
    { name: 'a lost connection too late', status: 0, within: false },
  ]
  test.each(failing)('on $name: stale within stale-if-error only', async ({ status, within }) => {
    const pass = standStill()
    const { url } = await startUpstream((response, _, count) => {
      const headers = { 'cache-control': 'max-age=60, stale-if-error=60' }
      if (count === 1) response.writeHead(200, headers).end('seven')
      // Told not to keep the error, the cache must not drop what it has either.
      else if (status > 0) response.writeHead(status, { 'cache-control': 'no-store' }).end('sorry')
      else response.destroy()
    })
    const { get } = fetching({ store: open() })
    await get(url)
    pass(within ? 119 : 121)
    for (let turn = 0; turn < 2; turn += 1) {
      if (within) expect(await get(url)).toMatchObject({ status: 200, text: 'seven', cache: 'stale' })
      else if (status > 0) expect(await get(url)).toMatchObject({ status, text: 'sorry', cache: 'miss' })
      else await expect(get(url)).rejects.toThrow()
    }
  })

  test('a body that breaks off, or that its reader gives up, neither is kept nor harms what is', async () => {
    const pass = standStill()
    const { url } = await startUpstream((response, _, count) => {
      const headers = { 'cache-control': 'max-age=60, stale-if-error=600', 'content-length': '5' }
      response.writeHead(200, headers)
      if (count !== 2 && count !== 3) response.end('seven')
      else response.write('se', () => count === 2 && response.destroy())
    })
    const { get } = fetching({ store: open() })
    await get(url)
    pass(90)
    expect(await get(url)).toMatchObject({ cache: 'stale', text: 'seven' })
    const giveUp = new AbortController()
    setTimeout(() => giveUp.abort(new Error('enough')), 50)
    await expect(get(url, { signal: giveUp.signal })).rejects.toThrow('enough')
    expect(await get(url)).toMatchObject({ cache: 'miss', text: 'seven' })
    expect(await get(url)).toMatchObject({ cache: 'fresh', text: 'seven' })
  })
})

test('keeps a failing renewal out of the cache, and goes on serving stale', async () => {
  const pass = standStill()
  const { url, heard } = await startUpstream((response, _, count) => {
    const control = 'max-age=60, stale-while-revalidate=600, stale-if-error=600'
    if (count === 1) response.writeHead(200, { 'cache-control': control }).end('seven')
    else response.writeHead(503, { 'cache-control': 'no-store' }).end('sorry')
  })
  const { get } = fetching({ store: memoryStore({ maxBytes: 10_000 }) })
  await get(url)
  pass(90)
  for (let turn = 2; turn < 5; turn += 1) {
    expect(await get(url)).toMatchObject({ cache: 'stale', text: 'seven' })
    await until(() => heard.length === turn)
    // The renewal ends a moment after the server has answered.
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
})

test('keeps no failure, also when told to, and what it has for asking again', async () => {
  const pass = standStill()
  const { url, heard } = await startUpstream((response, _, count) => {
    if (count === 1) response.writeHead(200, { etag: '"a"', 'cache-control': 'max-age=60' }).end('seven')
    else response.writeHead(503, { 'cache-control': count === 2 ? 'no-store' : 'public, max-age=60' }).end('sorry')
  })
  const { get } = fetching({ store: memoryStore({ maxBytes: 10_000 }) })
  await get(url)
  pass(90)
  for (let turn = 0; turn < 3; turn += 1) expect(await get(url)).toMatchObject({ status: 503, cache: 'miss' })
  expect(heard.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"a"', '"a"', '"a"'])
})

test('a stale body that its reader changes is kept as it was', async () => {
  const pass = standStill()
  const { url, heard } = await startUpstream((response, { headers }) => {
    const told = { etag: '"a"', 'cache-control': 'max-age=60, stale-while-revalidate=600' }
    response.writeHead(headers['if-none-match'] ? 304 : 200, told).end(headers['if-none-match'] ? undefined : 'seven')
  })
  const { get } = fetching({ store: memoryStore({ maxBytes: 10_000 }) })
  await get(url)
  pass(90)
  const stale = await get(url)
  stale.body.fill(0)
  await untilFresh(() => get(url))
  expect(await get(url)).toMatchObject({ cache: 'fresh', text: 'seven' })
  expect(heard).toHaveLength(2)
})
