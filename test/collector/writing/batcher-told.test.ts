import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { cycle } from '#collector/cycles.ts'
import { current } from '#collector/ongoing.ts'
import { batcher } from '#collector/writing/batcher.ts'
import { dbIn } from '#collector/writing/db.ts'
import { useWatched } from '#test/collector/writing/watched.ts'

const watched = useWatched()

const PRICES = { summary: 'INSERT prices', db: { system: 'sqlite', namespace: 'prices' } }

test('tells each write as a step of the cycle, with its rows', async () => {
  const prices = batcher<number>({ size: 3, everyMs: 60_000, write: () => sleep(10), ...PRICES })
  await watched.cycle(async (run) => {
    await run.step('page', 'compute', () => prices.addAll([1, 2, 3, 4]))
    await prices.flush()
  })
  const root = watched.receiver.one('coins')
  const [batch, single] = watched.steps('db')
  expect(batch).toMatchObject({ name: 'BATCH INSERT prices', parentSpanId: root.spanId, kind: 3 })
  expect(batch?.attributes).toEqual({
    'cycle.name': 'coins',
    'step.kind': 'db',
    'db.system.name': 'sqlite',
    'db.namespace': 'prices',
    'db.query.summary': 'BATCH INSERT prices',
    'db.operation.batch.size': 3,
    'batch.id': expect.stringMatching(/^[0-9a-f-]{36}$/),
  })
  expect(single?.name).toBe('INSERT prices')
  expect(single?.attributes).not.toHaveProperty('db.operation.batch.size')
  expect(root.attributes['cycle.queries']).toBe(2)
  expect(root.attributes['cycle.db_ms']).toBeGreaterThanOrEqual(18)
  expect(watched.steps('wait')).toEqual([])
})

test('tells failed attempts, and the pause between them as backoff', async () => {
  let writes = 0
  const prices = batcher<number>({
    size: 2,
    everyMs: 60_000,
    pauseMs: 20,
    random: () => 0.9,
    write() {
      writes += 1
      if (writes === 1) throw Object.assign(new Error('busy'), { errcode: 5 })
    },
    ...PRICES,
  })
  await watched.cycle(async () => {
    await prices.addAll([1, 2])
    await prices.flush()
  })
  const [failed, again] = watched.steps('db')
  expect(failed?.status).toEqual({ code: 2, message: 'busy' })
  expect(failed?.attributes['db.response.status_code']).toBe('5')
  expect(again?.attributes).toMatchObject({ 'batch.id': failed?.attributes['batch.id'], 'batch.attempt': 2 })
  const [pause] = watched.steps('wait')
  expect(pause?.attributes['wait.reason']).toBe('backoff')
  expect(pause?.durationMs).toBeGreaterThanOrEqual(17)
})

test('tells the time that add was held as a wait for the queue, where it was held', async () => {
  const prices = batcher<number>({ size: 1, everyMs: 60_000, maxWaiting: 1, write: () => sleep(20), ...PRICES })
  await watched.cycle(async (run) => {
    await run.step('page', 'compute', () => prices.addAll([1, 2, 3]))
    await prices.flush()
  })
  const waits = watched.steps('wait')
  expect(waits.map(({ attributes }) => attributes['wait.reason'])).toEqual(['queue', 'queue'])
  expect(waits[0]?.parentSpanId).toBe(watched.receiver.one('page').spanId)
  const told = waits.reduce((sum, { durationMs }) => sum + durationMs, 0)
  expect(told).toBeGreaterThanOrEqual(38)
  expect(watched.receiver.one('coins').attributes['cycle.wait_ms']).toBeCloseTo(told, 1)
})

test('tells a write in every cycle that has rows in it, each with its own', async () => {
  const prices = batcher<string>({ size: 5, everyMs: 60_000, write: () => sleep(10), ...PRICES })
  const adding = (name: string, rows: number) =>
    cycle(name, async () => {
      await prices.addAll(Array<string>(rows).fill(name))
      await sleep(30)
    })
  await Promise.all([adding('one', 2), adding('two', 3)])
  await watched.flush()
  expect(watched.steps('db')).toHaveLength(2)
  for (const [name, rows] of [
    ['one', 2],
    ['two', 3],
  ] as const) {
    const root = watched.receiver.one(name)
    const step = watched.steps('db').find(({ traceId }) => traceId === root.traceId)
    expect(step?.attributes).toMatchObject({ 'cycle.name': name, 'db.operation.batch.size': rows })
    expect(root.attributes['cycle.queries']).toBe(1)
  }
})

test('tells nothing of rows added outside cycles, also when a cycle has them written', async () => {
  const prices = batcher<number>({ size: 2, everyMs: 60_000, write: () => {}, ...PRICES })
  await prices.add(1)
  await watched.cycle(() => prices.flush())
  expect(watched.steps('db')).toEqual([])
})

test('runs a write inside its step, which tells for the queries in it', async () => {
  let traceId: string | undefined
  const prices = batcher<number>({
    size: 2,
    everyMs: 60_000,
    async write() {
      const here = current()
      traceId = here?.ongoing.span.spanContext().traceId
      if (here) await dbIn(here.ongoing, { system: 'sqlite' }).query('INSERT prices', () => sleep(1))
    },
    ...PRICES,
  })
  await watched.cycle(async () => {
    await prices.addAll([1, 2])
    await prices.flush()
  })
  expect(traceId).toBe(watched.receiver.one('coins').traceId)
  expect(watched.steps('db').map(({ name }) => name)).toEqual(['BATCH INSERT prices'])
})

test('tells a write that comes after its cycle in its trace', async () => {
  const prices = batcher<number>({ size: 10, everyMs: 60_000, write: () => {}, ...PRICES })
  await watched.cycle(() => prices.add(1))
  await prices.close()
  await watched.flush()
  expect(watched.steps('db')[0]?.traceId).toBe(watched.receiver.one('coins').traceId)
})
