import { expect, test } from 'vitest'
import { memoryStore } from '#collector/cache/memory-store.ts'
import type { CacheStore } from '#collector/cache/stores.ts'
import { fetching, startUpstream, until } from '#test/collector/cache/caching.ts'

/** An upstream that answers once told to, and by its count. */
async function startHeld(headers: Record<string, string> = {}) {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const { url, heard } = await startUpstream(async (response, _, count) => {
    await held
    response.writeHead(200, headers).end(`no. ${count}`)
  })
  return { url, heard, release: () => release() }
}

/** One whose methods answer a turn of the event loop later. */
function slowly(store: CacheStore): CacheStore {
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  return {
    get: async (key) => {
      await turn()
      return store.get(key)
    },
    set: async (key, bytes, options) => {
      await turn()
      return store.set(key, bytes, options)
    },
    delete: (key) => store.delete(key),
  }
}

const newStore = () => memoryStore({ maxBytes: 100_000 })

test.each([
  { name: 'an immediate store, kept', store: newStore, headers: { 'cache-control': 'max-age=60' } },
  { name: 'a slow store, kept', store: () => slowly(newStore()), headers: { 'cache-control': 'max-age=60' } },
  { name: 'an answer that is not kept', store: newStore, headers: { 'cache-control': 'no-store' } },
])('asks once for all who ask at the same time: $name', async ({ store, headers }) => {
  const { url, heard, release } = await startHeld(headers)
  const { get, ongoing } = fetching({ store: store() })
  const all = Array.from({ length: 20 }, () => get(url))
  await until(() => heard.length === 1)
  release()
  const served = await Promise.all(all)
  expect(heard).toHaveLength(1)
  expect(served.map(({ text }) => text)).toEqual(Array(20).fill('no. 1'))
  expect(served.map(({ cache }) => cache)).toEqual(['miss', ...Array(19).fill('joined')])
  expect(ongoing.totals).toMatchObject({ cacheMisses: 1, cacheHits: 19 })
})

test('asks again for each who asks differently', async () => {
  const { url, heard, release } = await startHeld()
  const { get } = fetching({ store: newStore() })
  const store = newStore()
  const all = [
    get(url),
    get(`${url}/other`),
    get(url, { headers: { accept: 'text/html' } }),
    get(url, { headers: { authorization: 'Bearer ann' } }),
    get(url, { headers: { authorization: 'Bearer bob' } }),
    get(url, { cache: { store, ttlMs: 1_000 } }),
    get(url, { cache: { store, ttlMs: 2_000 } }),
    get(url, { method: 'POST' }),
    get(url, { method: 'POST' }),
  ]
  await until(() => heard.length === all.length)
  release()
  await Promise.all(all)
  expect(heard).toHaveLength(all.length)
})

test('one who gives up takes nobody along, first or not', async () => {
  const { url, heard, release } = await startHeld({ 'cache-control': 'max-age=60' })
  const { get } = fetching({ store: newStore() })
  const [first, third] = [new AbortController(), new AbortController()]
  const one = get(url, { signal: first.signal })
  const two = get(url)
  const three = get(url, { signal: third.signal })
  const four = get(url)
  await until(() => heard.length === 1)
  third.abort(new Error('third'))
  await expect(three).rejects.toThrow('third')
  expect(heard).toHaveLength(1)
  first.abort(new Error('first'))
  await expect(one).rejects.toThrow('first')
  await until(() => heard.length === 2)
  release()
  expect(await two).toMatchObject({ text: 'no. 2', cache: 'miss' })
  expect(await four).toMatchObject({ text: 'no. 2', cache: 'joined' })
})

test('a failure is everybody’s, and not kept', async () => {
  const { url, heard } = await startUpstream((response, _, count) => {
    if (count === 1) setTimeout(() => response.destroy(), 20)
    else response.writeHead(200, {}).end('seven')
  })
  const { get } = fetching({ store: newStore() })
  const failed = await Promise.allSettled([get(url), get(url), get(url)])
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  expect(heard).toHaveLength(1)
  expect(await get(url)).toMatchObject({ text: 'seven' })
})

test('a signal that has already aborted asks nobody', async () => {
  const { url, heard } = await startUpstream((response) => response.end())
  const { get } = fetching({ store: newStore() })
  await expect(get(url, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before')
  expect(heard).toHaveLength(0)
})
