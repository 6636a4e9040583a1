import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, expectTypeOf, test } from 'vitest'
import { outcomeOf } from '#collector/faults.ts'
import { type GatherOptions, gatherIn } from '#collector/results/gather.ts'
import type { GatherError } from '#collector/results/shortage.ts'
import { stepIn } from '#collector/steps.ts'
import { type Scene, startScene } from '#test/collector/results/ongoing.ts'

let scene: Scene

beforeAll(async () => {
  scene = await startScene()
})
afterAll(() => scene.close())

const fails = (message: string) => async (): Promise<number> => {
  throw new Error(message)
}
const late = () => sleep(60_000, 0, { ref: false })

test('returns every result by its name', async () => {
  const collectors = { prices: async () => 7, names: () => ['btc'], nothing: () => undefined }
  const { value, reasons, root } = await scene.inCycle((ongoing, partial) =>
    gatherIn(ongoing, collectors, undefined, partial),
  )
  expect(value).toEqual({ results: { prices: 7, names: ['btc'], nothing: undefined }, missing: [] })
  expect(reasons).toEqual([])
  expect(root.attributes).toMatchObject({ 'cycle.parts.expected': 3, 'cycle.parts.failed': 0 })
  expect(root.attributes).not.toHaveProperty('cycle.parts.missing')
})

test('types results by what is certain to be there', () =>
  scene.inCycle(async (ongoing, partial) => {
    const both = { prices: async () => 7, name: () => 'btc' }
    const some = await gatherIn(ongoing, both, { need: 1 }, partial)
    expectTypeOf(some.results).toEqualTypeOf<{ prices: number | undefined; name: string | undefined }>()
    expectTypeOf(some.missing[0]?.name).toEqualTypeOf<'prices' | 'name' | undefined>()
    const all = await gatherIn(ongoing, both, { need: 'all' }, partial)
    expectTypeOf(all.results).toEqualTypeOf<{ prices: number; name: string }>()
    const named = await gatherIn(ongoing, both, { need: ['name'] }, partial)
    expectTypeOf(named.results).toEqualTypeOf<{ prices: number | undefined; name: string }>()
    const list: ('prices' | 'name')[] = ['name']
    const unknown = await gatherIn(ongoing, both, { need: list }, partial)
    expectTypeOf(unknown.results).toEqualTypeOf<{ prices: number | undefined; name: string | undefined }>()
    // @ts-expect-error: no such collector
    await gatherIn(ongoing, both, { need: ['volume'] }, partial).catch(() => {})
  }))

test('keeps what is there, and says what is missing and why, when enough succeeded', async () => {
  const collectors = {
    prices: async () => 7,
    volumes: fails('GET https://ann:pw@h.org/?key=1 failed'),
    news: fails('no news'),
  }
  const { value, reasons, root } = await scene.inCycle((ongoing, partial) =>
    gatherIn(ongoing, collectors, { need: ['prices'] }, partial),
  )
  expect(value.results).toEqual({ prices: 7, volumes: undefined, news: undefined })
  expect(value.missing).toMatchObject([{ name: 'volumes' }, { name: 'news', error: new Error('no news') }])
  const reason =
    '2 of 3 are missing: volumes (GET https://REDACTED:REDACTED@h.org/?key=REDACTED failed); news (no news)'
  expect(reasons).toEqual([reason])
  expect(root.attributes).toMatchObject({
    'cycle.parts.expected': 3,
    'cycle.parts.failed': 2,
    'cycle.parts.missing': ['volumes', 'news'],
  })
  expect(root.attributes).not.toHaveProperty('cycle.items')
})

test('adds up over the gatherings of a cycle', async () => {
  const { root, reasons } = await scene.inCycle(async (ongoing, partial) => {
    await gatherIn(ongoing, { a: () => 1, b: fails('x') }, {}, partial)
    await gatherIn(ongoing, { a: () => 1, b: fails('x'), c: fails('x') }, {}, partial)
  })
  expect(root.attributes).toMatchObject({
    'cycle.parts.expected': 5,
    'cycle.parts.failed': 3,
    'cycle.parts.missing': ['b', 'c'],
  })
  expect(reasons).toHaveLength(2)
})

test('rejects with what each collector threw when too few succeeded', async () => {
  const [volumes, news] = [new Error('no volumes'), new RangeError('no news')]
  const collectors = { prices: () => 7, volumes: () => Promise.reject(volumes), news: () => Promise.reject(news) }
  const { error, reasons, root } = await scene.inCycle((ongoing, partial) =>
    gatherIn(ongoing, collectors, { need: 2 }, partial),
  )
  expect(error).toMatchObject({
    name: 'GatherError',
    message: 'gather needs 2, and 2 of 3 are missing: volumes (no volumes); news (no news)',
    errors: [volumes, news],
    missing: [
      { name: 'volumes', error: volumes },
      { name: 'news', error: news },
    ],
  })
  expect(error).toBeInstanceOf(AggregateError)
  expect(outcomeOf(error)).toBe('failed')
  expect(reasons).toEqual([])
  expect(root.attributes['cycle.parts.missing']).toEqual(['volumes', 'news'])
})

test('gives up on a collector at its deadline, whether that listens or not', async () => {
  let reason: unknown
  const collectors = {
    quick: () => 1,
    deaf: late,
    listening: ({ signal }: { signal: AbortSignal }) =>
      sleep(60_000, 0, { signal }).catch(() => (reason = signal.reason)),
  }
  const { value, reasons } = await scene.inCycle((ongoing, partial) =>
    gatherIn(ongoing, collectors, { timeoutMs: 30 }, partial),
  )
  expect(value.results).toMatchObject({ quick: 1, deaf: undefined })
  expect(value.missing.map(({ name }) => name)).toEqual(['deaf', 'listening'])
  expect(reasons[0]).toContain("deaf ('deaf' did not end within 30 ms)")
  expect(reason).toMatchObject({ name: 'TimeoutError' })
  expect(scene.receiver.one('deaf').attributes['error.type']).toBe('ETIMEDOUT')
})

const shortages: [what: string, collectors: Record<string, () => unknown>, outcome: string][] = [
  ['all that is missing was late', { quick: () => 1, late, later: late }, 'timeout'],
  ['one of them failed', { late, broken: fails('broken'), quick: () => 1 }, 'failed'],
]
for (const [what, collectors, outcome] of shortages) {
  test(`ends the cycle as ${outcome} when ${what}`, async () => {
    const { error } = await scene.inCycle((ongoing, partial) =>
      gatherIn(ongoing, collectors, { need: 'all', timeoutMs: 20 }, partial),
    )
    expect(outcomeOf(error)).toBe(outcome)
  })
}

test('waits as long as it takes without a deadline', async () => {
  const { value } = await scene.inCycle((ongoing, partial) =>
    gatherIn(ongoing, { slow: () => sleep(30, 7) }, { timeoutMs: Number.POSITIVE_INFINITY }, partial),
  )
  expect(value.results.slow).toBe(7)
})

test('keeps what is there when the time of all is up', async () => {
  const { value } = await scene.inCycle((ongoing, partial) =>
    gatherIn(ongoing, { quick: () => 1, late }, { signal: AbortSignal.timeout(20) }, partial),
  )
  expect(value).toMatchObject({ results: { quick: 1 }, missing: [{ name: 'late', error: { name: 'TimeoutError' } }] })
})

test("keeps what is there when the cycle's budget is used up", async () => {
  const { value, error } = await scene.inCycle(
    (ongoing, partial) => gatherIn(ongoing, { quick: () => 1, late }, {}, partial),
    { budgetMs: 20 },
  )
  expect(error).toBeUndefined()
  expect(value).toMatchObject({ results: { quick: 1 }, missing: [{ name: 'late', error: { name: 'TimeoutError' } }] })
})

test('rejects with the reason when the job is told to stop', async () => {
  const reason = new DOMException('shutting down', 'AbortError')
  const stop = new AbortController()
  let started = 0
  const stopping = () => {
    started += 1
    setImmediate(() => stop.abort(reason))
    return late()
  }
  const { error, reasons } = await scene.inCycle((ongoing, partial) =>
    gatherIn(ongoing, { quick: () => 1, stopping, queued: stopping }, { signal: stop.signal, concurrency: 2 }, partial),
  )
  expect(error).toBe(reason)
  expect(reasons).toEqual([])
  expect(started).toBeLessThanOrEqual(2)
})

test('runs no more at once than allowed, in order, and tells the time in the queue', async () => {
  const order: string[] = []
  let running = 0
  let most = 0
  const collector = (name: string) => async () => {
    order.push(name)
    most = Math.max(most, ++running)
    await sleep(10)
    running -= 1
  }
  const names = ['a', 'b', 'c', 'd', 'e']
  await scene.inCycle((ongoing, partial) =>
    gatherIn(ongoing, Object.fromEntries(names.map((name) => [name, collector(name)])), { concurrency: 2 }, partial),
  )
  expect(order).toEqual(names)
  expect(most).toBe(2)
  const waits = scene.receiver.named('gather queue')
  expect(waits).toHaveLength(3)
  expect(waits[0]?.attributes).toMatchObject({ 'step.kind': 'wait', 'wait.reason': 'queue' })
})

test('gives a place on when the one who had it failed', async () => {
  const { value } = await scene.inCycle((ongoing, partial) =>
    gatherIn(ongoing, { a: fails('x'), b: fails('y'), c: () => 3 }, { concurrency: 1 }, partial),
  )
  expect(value.results.c).toBe(3)
})

test('shows each collector as a step with its own steps below', async () => {
  const { root } = await scene.inCycle((ongoing, partial) => {
    const collectors = {
      prices: (part: { set(key: string, value: number): void }) => {
        part.set('size', 3)
        return stepIn(ongoing, 'select', 'db', () => 1)
      },
      news: fails('no news'),
    }
    return gatherIn(ongoing, collectors, undefined, partial)
  })
  const [prices, news, select] = ['prices', 'news', 'select'].map(scene.receiver.one)
  expect(prices).toMatchObject({ parentSpanId: root.spanId, attributes: { 'step.kind': 'compute', size: 3 } })
  expect(select?.parentSpanId).toBe(prices?.spanId)
  expect(news).toMatchObject({ parentSpanId: root.spanId, status: { code: 2, message: 'no news' } })
})

test('listens to one signal with many collectors without a warning', async () => {
  const warnings: Error[] = []
  const listen = (warning: Error) => void warnings.push(warning)
  process.on('warning', listen)
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`part ${n}`, () => sleep(5)]))
  await scene.inCycle((ongoing, partial) =>
    gatherIn(ongoing, many, { concurrency: 100, signal: new AbortController().signal }, partial),
  )
  await sleep(1)
  process.off('warning', listen)
  expect(warnings).toEqual([])
})

test('has nothing to say when there is nothing to gather', async () => {
  const { value, reasons } = await scene.inCycle((ongoing, partial) => gatherIn(ongoing, {}, undefined, partial))
  expect(value).toEqual({ results: {}, missing: [] })
  expect(reasons).toEqual([])
})

const mistakes: [what: string, collectors: unknown, options: unknown, message: string][] = [
  ['a list', [() => 1], {}, 'gather needs an object of names and functions, as in { prices: () => … }'],
  ['a promise in place of a function', { prices: Promise.resolve(1) }, {}, "collector 'prices' needs a function"],
  ['a name without letters', { ' ': () => 1 }, {}, 'the name of a collector must not be empty'],
  ['too much', { prices: () => 1 }, { need: 2 }, "need is '2'"],
  ['no concurrency', { prices: () => 1 }, { concurrency: 0 }, 'concurrency of gather is 0; it must be a whole number'],
  ['no time', { prices: () => 1 }, { timeoutMs: 0 }, 'timeoutMs of gather is 0; it must be a number of milliseconds'],
  ['a signal that is none', { prices: () => 1 }, { signal: {} }, 'signal must be an AbortSignal'],
]
for (const [what, collectors, options, message] of mistakes) {
  test(`refuses ${what} before anything runs`, async () => {
    const { error } = await scene.inCycle((ongoing, partial) =>
      gatherIn(ongoing, collectors as Record<string, () => unknown>, options as GatherOptions<1>, partial),
    )
    expect(error).toMatchObject({ name: 'BadInput', message: expect.stringContaining(message) })
    expect(scene.receiver.spans).toHaveLength(1)
  })
}

test('names each error in the type of the error', () => {
  expectTypeOf<GatherError['missing'][number]>().toEqualTypeOf<{ name: string; error: unknown }>()
})
