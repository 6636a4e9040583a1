// Why undici's interceptor is asked for its opinion only: what it does when it holds the store and the connections itself.
// When one of these fails after an upgrade, the code that makes up for it may go.

import { Agent, cacheStores, type Dispatcher, interceptors, request } from 'undici'
import { expect, test } from 'vitest'
import { finally_, standStill, startUpstream, until } from '#test/collector/cache/caching.ts'

function composed(
  ...with_: Dispatcher.DispatcherComposeInterceptor[]
): (url: string, options?: object) => Promise<string> {
  const agent = new Agent()
  finally_(() => agent.destroy())
  const dispatcher = agent.compose(with_)
  return async (url, options = {}) => (await request(url, { dispatcher, ...options })).body.text()
}

const cache = () => interceptors.cache({ store: new cacheStores.MemoryCacheStore() })

test('a 304 with Cache-Control ends the entry it confirms', async () => {
  const pass = standStill()
  const { url, heard } = await startUpstream((response, { headers }) => {
    const told = { etag: '"a"', 'cache-control': 'max-age=60' }
    response.writeHead(headers['if-none-match'] ? 304 : 200, told).end(headers['if-none-match'] ? undefined : 'seven')
  })
  const get = composed(cache())
  await get(url)
  pass(61)
  expect(await get(url)).toBe('seven')
  await get(url)
  expect(heard.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"a"', undefined])
})

test('a lifetime is guessed from Last-Modified', async () => {
  const { url, heard } = await startUpstream((response) =>
    response.writeHead(200, { 'last-modified': 'Mon, 01 Jan 2024 00:00:00 GMT' }).end('seven'),
  )
  const get = composed(cache())
  await get(url)
  await get(url)
  expect(heard).toHaveLength(1)
})

test('an entry with an ETag is gone after twice its lifetime', async () => {
  const pass = standStill()
  const { url, heard } = await startUpstream((response) =>
    response.writeHead(200, { etag: '"a"', 'cache-control': 'max-age=60' }).end('seven'),
  )
  const get = composed(cache())
  await get(url)
  pass(125)
  await get(url)
  expect(heard[1]?.headers).not.toHaveProperty('if-none-match')
})

test('an error that breaks off ends the entry that stale-if-error would serve', async () => {
  const pass = standStill()
  const { url } = await startUpstream((response, _, count) => {
    const headers = { 'cache-control': 'max-age=60, stale-if-error=600', 'content-length': '5' }
    if (count === 2) response.writeHead(200, headers).write('se', () => response.destroy())
    else if (count > 2) response.writeHead(503).end('sorry')
    else response.writeHead(200, headers).end('seven')
  })
  const get = composed(cache())
  await get(url)
  pass(90)
  await expect(get(url)).rejects.toThrow()
  expect(await get(url)).toBe('sorry')
})

test('each stale hit starts a renewal of its own, and an error with no-store ends the entry', async () => {
  const pass = standStill()
  const { url, heard } = await startUpstream((response, _, count) => {
    const control = 'max-age=60, stale-while-revalidate=600, stale-if-error=600'
    if (count === 1) response.writeHead(200, { 'cache-control': control }).end('seven')
    else setTimeout(() => response.writeHead(503, { 'cache-control': 'no-store' }).end('sorry'), 50)
  })
  const get = composed(cache())
  await get(url)
  pass(90)
  expect(await Promise.all([get(url), get(url), get(url)])).toEqual(['seven', 'seven', 'seven'])
  await until(() => heard.length === 4)
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(await get(url)).toBe('sorry')
})

test('answers to Authorization are not kept', async () => {
  const { url, heard } = await startUpstream((response) =>
    response.writeHead(200, { 'cache-control': 'private, max-age=60' }).end('seven'),
  )
  const get = composed(interceptors.cache({ type: 'private' }))
  for (let turn = 0; turn < 2; turn += 1) await get(url, { headers: { authorization: 'Bearer ann' } })
  expect(heard).toHaveLength(2)
})

test('the first of those who share a request takes the others along when it gives up', async () => {
  const { url } = await startUpstream(() => {})
  const get = composed(interceptors.deduplicate())
  const giveUp = new AbortController()
  const first = get(url, { signal: giveUp.signal })
  const second = get(url)
  setTimeout(() => giveUp.abort(new Error('mine alone')), 50)
  await expect(first).rejects.toThrow('mine alone')
  await expect(second).rejects.toThrow()
})
