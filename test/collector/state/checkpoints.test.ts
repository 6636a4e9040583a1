import { mkdirSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createState, type StateNews } from '#collector/state/state.ts'
import { newFile } from '#test/collector/state/files.ts'

const HOUR = 3_600_000

function scene() {
  const clock = { now: Date.UTC(2026, 0, 1) }
  const file = newFile()
  const news: StateNews[] = []
  const state = createState(file, () => clock.now)
  return { clock, file, state, news, begin: (cycle = 'coins') => state.begin(cycle, (one) => void news.push(one)) }
}

/** A piece of work that counts how often it was done. */
function work<T>(result: T) {
  const fn = async () => {
    fn.times += 1
    await sleep(1)
    return result
  }
  fn.times = 0
  return fn
}

test('gives the next run what the failed one had, without doing it again', async () => {
  const { begin, clock, news } = scene()
  const fn = work({ price: 7 })
  const first = begin()
  expect(await first.checkpoint('btc', fn)).toEqual({ price: 7 })
  first.abandon()
  clock.now += HOUR
  const second = begin()
  expect(await second.checkpoint('btc', fn)).toEqual({ price: 7 })
  expect(await second.checkpoint('eth', work(8))).toBe(8)
  second.abandon()
  const third = begin()
  expect(await third.checkpoint('btc', fn)).toEqual({ price: 7 })
  expect(fn.times).toBe(1)
  expect(news).toEqual([
    { what: 'kept', key: 'btc' },
    { what: 'restored', key: 'btc', ageMs: HOUR },
    { what: 'kept', key: 'eth' },
    { what: 'restored', key: 'btc', ageMs: HOUR },
  ])
})

test('works anew after a run that ended well, also for what that run did not ask for', async () => {
  const { begin } = scene()
  const [btc, eth] = [work(1), work(2)]
  const first = begin()
  await Promise.all([first.checkpoint('btc', btc), first.checkpoint('eth', eth)])
  first.abandon()
  const second = begin()
  await second.checkpoint('btc', btc)
  second.commit()
  const third = begin()
  await Promise.all([third.checkpoint('btc', btc), third.checkpoint('eth', eth)])
  expect([btc.times, eth.times]).toEqual([2, 2])
})

test('leaves alone what other cycles and runs that go on have', async () => {
  const { begin, state } = scene()
  const fn = work(1)
  const [other, slow, quick] = [begin('markets'), begin(), begin()]
  await Promise.all([other.checkpoint('of markets', fn), slow.checkpoint('of slow', fn)])
  await begin().checkpoint('of a run that crashed', fn)
  state.close()
  const late = begin()
  quick.commit()
  late.commit()
  slow.abandon()
  other.abandon()
  const again = work(1)
  await begin('markets').checkpoint('of markets', again)
  await begin().checkpoint('of slow', again)
  expect(again.times).toBe(0)
})

test('takes no result that is older than it may be', async () => {
  const { begin, clock } = scene()
  const fn = work(1)
  await begin().checkpoint('btc', fn)
  clock.now += 2 * HOUR
  await begin().checkpoint('btc', fn, { maxAgeMs: 2 * HOUR })
  expect(fn.times).toBe(1)
  clock.now += 1
  await begin().checkpoint('btc', fn, { maxAgeMs: 2 * HOUR })
  expect(fn.times).toBe(2)
  clock.now += 24 * HOUR + 1
  await begin().checkpoint('btc', fn)
  expect(fn.times).toBe(3)
  clock.now -= 25 * HOUR
  await begin().checkpoint('btc', fn)
  expect(fn.times).toBe(4)
})

test('works once for calls that come together, and for later ones of the run', async () => {
  const { begin, news } = scene()
  const run = begin()
  const fn = work([1])
  const results = await Promise.all(Array.from({ length: 20 }, () => run.checkpoint('btc', fn)))
  results.push(await run.checkpoint('btc', fn))
  expect(results).toEqual(Array.from({ length: 21 }, () => [1]))
  expect(fn.times).toBe(1)
  results[0]?.push(2)
  expect(results[1]).toEqual([1])
  expect(news).toEqual([{ what: 'kept', key: 'btc' }])
})

test('passes an error on to all who wait, and does not keep it', async () => {
  const { begin } = scene()
  const run = begin()
  const error = new Error('upstream away')
  const failing = () => Promise.reject(error)
  const both = await Promise.allSettled([run.checkpoint('btc', failing), run.checkpoint('btc', failing)])
  expect(both).toEqual([
    { status: 'rejected', reason: error },
    { status: 'rejected', reason: error },
  ])
  const throwing = () => {
    throw error
  }
  await expect(run.checkpoint('btc', throwing)).rejects.toBe(error)
  expect(await run.checkpoint('btc', work(1))).toBe(1)
})

const results: [given: unknown, taken: unknown][] = [
  [null, null],
  [undefined, undefined],
  ['', ''],
  [0, 0],
  [false, false],
  [
    { at: new Date(0), gone: undefined, nan: Number.NaN },
    { at: '1970-01-01T00:00:00.000Z', nan: null },
  ],
  ['lone \ud800, \0 and 𝒳', 'lone \ud800, \0 and 𝒳'],
  ['x'.repeat(3_000_000), 'x'.repeat(3_000_000)],
]
for (const [given, taken] of results) {
  test(`gives the first and the next run the same for ${String(JSON.stringify(given)).slice(0, 40)}`, async () => {
    const { begin } = scene()
    expect(await begin().checkpoint('key', () => given)).toEqual(taken)
    const again = work(1)
    expect(await begin().checkpoint('key', again as () => unknown)).toEqual(taken)
    expect(again.times).toBe(0)
  })
}

test('refuses results without JSON', async () => {
  const run = scene().begin()
  const circle: { self?: unknown } = {}
  circle.self = circle
  for (const result of [1n, circle, Symbol('x'), () => 1]) {
    await expect(run.checkpoint('key', () => result)).rejects.toMatchObject({
      name: 'BadInput',
      message: expect.stringContaining("the result of checkpoint 'key' has no JSON"),
    })
  }
})

test('refuses an empty key, no function and an age that is none', async () => {
  const run = scene().begin()
  await expect(run.checkpoint('', () => 1)).rejects.toThrow('the key of a checkpoint must not be empty')
  await expect(run.checkpoint('a', 1 as never)).rejects.toThrow("checkpoint 'a' needs a function")
  await expect(run.checkpoint('a', () => 1, { maxAgeMs: -1 })).rejects.toThrow("maxAgeMs of checkpoint 'a' is -1")
})

test('keeps what a failed run still finishes, and not what one does that ended well', async () => {
  const { begin } = scene()
  const [failed, good] = [begin('failed'), begin('good')]
  const gate = Promise.withResolvers<number>()
  const results = Promise.all([failed.checkpoint('a', () => gate.promise), good.checkpoint('a', () => gate.promise)])
  failed.abandon()
  good.commit()
  gate.resolve(1)
  expect(await results).toEqual([1, 1])
  const [afterFailed, afterGood] = [work(2), work(2)]
  expect(await begin('failed').checkpoint('a', afterFailed)).toBe(1)
  expect(await begin('good').checkpoint('a', afterGood)).toBe(2)
})

test('hands the result out although it cannot be kept, and says so', async () => {
  const { begin, file, news } = scene()
  const run = begin()
  await run.checkpoint('kept', work(1))
  for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`)
  mkdirSync(file)
  expect(await run.checkpoint('lost', work(2))).toBe(2)
  expect(news).toMatchObject([
    { what: 'kept', key: 'kept' },
    { what: 'lost', key: 'lost', error: { name: 'Unavailable', message: expect.stringContaining(file) } },
  ])
  expect(() => run.unseen([1], (item) => item)).toThrow(expect.objectContaining({ name: 'Unavailable' }))
  expect(() => run.commit()).toThrow(expect.objectContaining({ name: 'Unavailable' }))
})
