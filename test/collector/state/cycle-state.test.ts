import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { beginStateIn } from '#collector/state/cycle-state.ts'
import { createState, openState } from '#collector/state/state.ts'
import { type Scene, startScene } from '#test/collector/results/ongoing.ts'
import { newFile } from '#test/collector/state/files.ts'

let scene: Scene

beforeAll(async () => {
  scene = await startScene()
})
afterAll(() => scene.close())

const self = (item: number) => item

test('shows what is new as a step', async () => {
  const file = newFile()
  const { value } = await scene.inCycle(async (ongoing) => {
    const state = beginStateIn(ongoing, file)
    const fresh = [await state.unseen(new Set([1, 2]).values(), self), await state.unseen([7], self, { name: 'coins' })]
    return { fresh, outcome: state.end('ok') }
  })
  expect(value).toEqual({ fresh: [[1, 2], [7]], outcome: 'ok' })
  expect(scene.receiver.one('unseen coins')).toBeDefined()
  const next = await scene.inCycle((ongoing) => beginStateIn(ongoing, openState(file)).unseen([1, 2, 3], self))
  expect(next.value).toEqual([3])
  expect(scene.receiver.one('unseen')).toMatchObject({
    parentSpanId: next.root.spanId,
    attributes: { 'step.kind': 'compute', 'unseen.items': 3, 'unseen.new': 1 },
  })
})

for (const [outcome, value] of [
  ['ok', 5],
  ['partial', 5],
  ['failed', undefined],
  ['timeout', undefined],
] as const) {
  test(`${value ? 'keeps' : 'forgets'} what a run came to that ends as ${outcome}`, async () => {
    const file = newFile()
    const ended = await scene.inCycle((ongoing) => {
      const state = beginStateIn(ongoing, file)
      state.watermark('at').advance(5)
      return state.end(outcome)
    })
    expect(ended.value).toBe(outcome)
    const next = await scene.inCycle((ongoing) => beginStateIn(ongoing, file).watermark('at').value)
    expect(next.value).toBe(value)
  })
}

test('counts checkpoints, and tells of those that were taken', async () => {
  const file = newFile()
  const first = await scene.inCycle(async (ongoing) => {
    const state = beginStateIn(ongoing, file)
    await state.checkpoint('https://h.org/?token=abc', () => 1)
    return state.end('failed')
  })
  expect(first.root.attributes).toMatchObject({ 'cycle.checkpoints': 1, 'cycle.checkpoints.restored': 0 })
  expect(first.root.events).toEqual([])
  const second = await scene.inCycle(async (ongoing) => {
    const state = beginStateIn(ongoing, file)
    await state.checkpoint('https://h.org/?token=abc', () => 2)
    await state.checkpoint('new', () => 3)
    return state.end('ok')
  })
  expect(second.root.attributes).toMatchObject({ 'cycle.checkpoints': 2, 'cycle.checkpoints.restored': 1 })
  expect(second.root.events).toEqual([
    {
      name: 'checkpoint.restored',
      attributes: {
        'checkpoint.key': 'https://h.org/?token=REDACTED',
        'checkpoint.age_ms': expect.any(Number),
      },
    },
  ])
  expect(second.root.attributes).not.toHaveProperty('cycle.state.problem')
})

test('counts all and names some when very many are taken', async () => {
  const file = newFile()
  const all = (n: number) =>
    scene.inCycle(async (ongoing) => {
      const state = beginStateIn(ongoing, file)
      await Promise.all(Array.from({ length: 200 }, (_, key) => state.checkpoint(String(key), () => n)))
    })
  await all(1)
  const { root } = await all(2)
  expect(root.attributes).toMatchObject({ 'cycle.checkpoints': 200, 'cycle.checkpoints.restored': 200 })
  expect(root.events).toHaveLength(32)
})

test('says that the state was damaged', async () => {
  const file = newFile()
  createState(file, Date.now).close()
  const head = Buffer.alloc(4_096)
  head.write('cyclewatch_', 200)
  writeFileSync(file, head)
  const { root } = await scene.inCycle((ongoing) => beginStateIn(ongoing, file).end('ok'))
  const message = expect.stringContaining('was damaged')
  expect(root.attributes['cycle.state.problem']).toEqual(message)
  expect(root.events).toEqual([{ name: 'state.reset', attributes: { 'state.message': message } }])
})

test('makes the cycle partial when what it came to cannot be kept, and no better when it failed', async () => {
  const file = newFile()
  const broken = (outcome: 'ok' | 'failed') =>
    scene.inCycle(async (ongoing) => {
      const state = beginStateIn(ongoing, createState(file, Date.now))
      state.watermark('at').advance(1)
      for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true })
      mkdirSync(file)
      const value = await state.checkpoint('btc', () => 7)
      const ended = state.end(outcome)
      rmSync(file, { recursive: true })
      return [value, ended]
    })
  const problem = expect.stringContaining(`the state in ${file} cannot be used`)
  const good = await broken('ok')
  expect(good.value).toEqual([7, 'partial'])
  expect(good.root.attributes).toMatchObject({ 'cycle.state.problem': problem, 'cycle.partial.reason': problem })
  expect(good.root.events).toMatchObject([{ name: 'checkpoint.lost', attributes: { 'checkpoint.key': 'btc' } }])
  expect((await broken('failed')).value).toEqual([7, 'failed'])
})

test('says how to give a state where there is none', async () => {
  const { value } = await scene.inCycle(async (ongoing) => {
    const state = beginStateIn(ongoing, undefined)
    const thrown = (error: Error) => `${error.name}: ${error.message}`
    const sync = (fn: () => unknown) => {
      try {
        return fn()
      } catch (error) {
        return thrown(error as Error)
      }
    }
    return [
      await state.unseen([1], self).catch(thrown),
      await state.checkpoint('a', () => 1).catch(thrown),
      sync(() => state.watermark('at')),
      sync(() => state.again([1], self)),
      state.end('ok'),
    ]
  })
  const needs = (method: string) =>
    `BadInput: run.${method} needs a state that outlives cycle 'coins'; give it { state: './FILE' }`
  expect(value).toEqual([needs('unseen'), needs('checkpoint'), needs('watermark'), needs('again'), 'ok'])
})
