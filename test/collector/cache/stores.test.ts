import { DiagLogLevel, diag } from '@opentelemetry/api'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { memoryStore } from '#collector/cache/memory-store.ts'
import { pack, unpack } from '#collector/cache/records.ts'
import { type CacheStore, madeCareful } from '#collector/cache/stores.ts'
import { cachedIn } from '#collector/cache/values.ts'
import { fetching, newOngoing, startUpstream } from '#test/collector/cache/caching.ts'

afterEach(() => diag.disable())

function listen(): string[] {
  const told: string[] = []
  const silent = () => {}
  const logger = {
    verbose: silent,
    debug: silent,
    info: silent,
    error: silent,
    warn: (text: string) => void told.push(text),
  }
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
  return told
}

const no = () => {
  throw new Error('no redis://ann:secret@there')
}
const never = () => new Promise<never>(() => {})
const rejects = async () => no()

const BAD: { name: string; store: CacheStore; reason: string }[] = [
  { name: 'throws', store: { get: no, set: no, delete: no }, reason: 'no redis://REDACTED:REDACTED@there' },
  {
    name: 'rejects',
    store: { get: rejects, set: rejects, delete: rejects },
    reason: 'no redis://REDACTED:REDACTED@there',
  },
  { name: 'never answers', store: { get: never, set: never, delete: never }, reason: 'it took longer than 500 ms' },
  {
    name: 'gives texts',
    store: { get: () => 'seven' as unknown as Uint8Array, set: () => 'OK', delete: () => 1 },
    reason: 'it gave something else than bytes',
  },
]

test.each(BAD)(
  'a store that $name has nothing; no fetch and no value fails, and it is told once',
  async ({ store, reason }) => {
    const told = listen()
    const { url, heard } = await startUpstream((response) =>
      response.writeHead(200, { 'cache-control': 'max-age=60' }).end('seven'),
    )
    const { get } = fetching({ store })
    for (let turn = 0; turn < 3; turn += 1) expect(await get(url)).toMatchObject({ text: 'seven', cache: 'miss' })
    await get(url, { method: 'POST' })
    expect(heard).toHaveLength(4)
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await cachedIn(newOngoing(), 'k', { ttlMs: 60_000, store }, () => turn)).toBe(turn)
    }
    expect(told).toEqual([`cyclewatch: a cache's store cannot get: ${reason}; fetching goes on without it`])
  },
)

test('leaves a store alone for a while that did not answer, but for what must be deleted', async () => {
  listen()
  const calls: string[] = []
  let now = 0
  const said = (what: string) => () => {
    calls.push(what)
    return what === 'get' && now === 0 ? never() : undefined
  }
  const careful = madeCareful({ get: said('get'), set: said('set'), delete: said('delete') }, () => now)
  await careful.get('a')
  now = 4_999
  await careful.get('a')
  await careful.set('a', Buffer.from('b'), 5)
  await careful.delete('a')
  expect(calls).toEqual(['get', 'delete'])
  now = 5_000
  await careful.get('a')
  expect(calls).toEqual(['get', 'delete', 'get'])
})

test('tells again after a minute', async () => {
  const told = listen()
  let now = 0
  const careful = madeCareful({ get: no, set: no, delete: no }, () => now)
  for (const at of [0, 1, 59_999, 60_000, 60_001]) {
    now = at
    await careful.set('a', Buffer.from('b'), 5)
  }
  expect(told).toHaveLength(2)
})

test('a store gets whole milliseconds from 1', async () => {
  const seen: number[] = []
  const careful = madeCareful(
    { get: () => null, set: (_, __, { ttlMs }) => seen.push(ttlMs), delete: () => {} },
    () => 0,
  )
  for (const ttlMs of [0.2, 1, 1.5]) await careful.set('a', Buffer.from('b'), ttlMs)
  expect(seen).toEqual([1, 1, 2])
})

test('a record comes back as it was, and any change to it makes it none', () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.uint8Array(),
      fc.uint8Array(),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (facts, one, two, at, by) => {
        const record = pack(facts, one, two)
        expect(unpack(record)).toEqual({ facts: JSON.parse(JSON.stringify(facts)), body: Buffer.concat([one, two]) })
        expect(unpack(record.subarray(0, at % record.byteLength))).toBeUndefined()
        const changed = Buffer.from(record)
        changed[at % record.byteLength] = (changed[at % record.byteLength] as number) ^ by
        expect(unpack(changed)).toBeUndefined()
      },
    ),
  )
})

test('what another wrote under our key is a miss', async () => {
  const store = memoryStore({ maxBytes: 100_000 })
  const nonsense = [Buffer.alloc(0), Buffer.from('{}'), pack(null), pack([{ size: 5 }]), pack({ at: 'now' }), pack('x')]
  const set = store.set.bind(store)
  for (const bytes of nonsense) {
    store.set = (key, _, options) => set(key, bytes, options)
    const { url } = await startUpstream((response) => response.writeHead(200, { 'cache-control': 'max-age=60' }).end())
    const { get } = fetching({ store })
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await get(url)).toMatchObject({ cache: 'miss' })
      expect(await cachedIn(newOngoing(), 'k', { ttlMs: 60_000, store }, () => turn)).toBe(turn)
    }
  }
})
