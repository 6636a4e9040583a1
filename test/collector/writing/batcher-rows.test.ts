// Each row once, whatever happens: adding, failures, answers lost, hangs and closing in any order, with a clock of its own.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { batcher } from '#collector/writing/batcher.ts'
import { BadInput } from '#model/errors.ts'
import { testClock } from '#test/collector/writing/clock.ts'

type Answer = 'ok' | 'fails before' | 'fails after' | 'hangs before' | 'hangs after' | 'slow'
const answer = fc.constantFrom<Answer[]>('ok', 'fails before', 'fails after', 'hangs before', 'hangs after', 'slow')

type Deed = { do: 'add' | 'save' | 'pour'; rows: number } | { do: 'wait'; ms: number } | { do: 'flush' }
const rows = fc.integer({ min: 1, max: 12 })
const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({ do: fc.constantFrom('add' as const, 'save' as const, 'pour' as const), rows }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 400 }) }),
  fc.record({ do: fc.constant('flush' as const) }),
)

const plan = fc.record({
  size: fc.integer({ min: 1, max: 5 }),
  room: fc.integer({ min: 0, max: 8 }),
  concurrency: fc.integer({ min: 1, max: 3 }),
  tries: fc.constantFrom(2, 3, 1_000),
  answers: fc.array(answer, { maxLength: 40 }),
  poison: fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 3 }),
  deeds: fc.array(deed, { minLength: 1, maxLength: 15 }),
  luck: fc.double({ min: 0, max: 0.999, noNaN: true }),
})
type Plan = typeof plan extends fc.Arbitrary<infer Value> ? Value : never

/** Keeps what a batch of a new id holds, and takes one of a known id for written. */
function openStore({ size, answers, poison }: Plan, clock: ReturnType<typeof testClock>) {
  const batches = new Map<string, number[]>()
  const kept: number[] = []
  let writes = 0
  async function write(given: number[], { id }: { id: string }): Promise<void> {
    expect(given.length).toBeLessThanOrEqual(size)
    expect(given).toEqual(batches.get(id) ?? given)
    const known = batches.has(id)
    const how = answers[writes] ?? 'ok'
    writes += 1
    if (given.some((row) => poison.includes(row))) throw new BadInput('poison')
    if (how === 'fails before') throw new Error('refused connection')
    if (how === 'hangs before') return new Promise(() => {})
    if (how === 'slow') await new Promise<void>((resolve) => clock.after(150, resolve, true))
    if (!known && !batches.has(id)) {
      batches.set(id, given)
      kept.push(...given)
    }
    if (how === 'fails after') throw new Error('answer lost')
    if (how === 'hangs after') return new Promise(() => {})
  }
  return { kept, write, batches }
}

async function play(planned: Plan) {
  const { size, room, concurrency, tries, deeds, luck } = planned
  const clock = testClock()
  const store = openStore(planned, clock)
  const lost: number[] = []
  const promised = new Map<number, Promise<string>>()
  const batches = batcher<number>({
    size,
    everyMs: 100,
    maxWaiting: size + room,
    concurrency,
    tries,
    timeoutMs: 300,
    withinMs: 2_000_000_000,
    clock,
    random: () => luck,
    write: store.write,
    onGiveUp: (given) => lost.push(...given),
  })
  let last = 0
  let most = 0
  const next = () => {
    last += 1
    return last
  }
  const acting: Promise<unknown>[] = []
  for (const each of deeds) {
    if (each.do === 'wait') await clock.advance(each.ms)
    else if (each.do === 'flush') acting.push(batches.flush().catch(() => {}))
    else if (each.do === 'pour') acting.push(batches.addAll(drawn(each.rows, next)))
    else {
      for (let count = 0; count < each.rows; count += 1) {
        const row = next()
        if (each.do === 'add') acting.push(batches.add(row))
        else
          promised.set(
            row,
            batches.save(row).then(
              () => 'written',
              () => 'given up',
            ),
          )
      }
    }
    most = Math.max(most, batches.held)
  }
  await clock.advance(0)
  for (let turn = 0; turn < 200 && (await isPending(Promise.all(acting))); turn += 1) await clock.advance(1_000)
  const closed = batches.close().catch(() => {})
  for (let turn = 0; turn < 2_000 && (await isPending(closed)); turn += 1) await clock.advance(10_000)
  expect(await isPending(closed)).toBe(false)
  return { store, lost, last, most, promised, held: batches.held }
}

/** Numbered when the batcher takes them, which is their order. */
function* drawn(rows: number, next: () => number) {
  for (let count = 0; count < rows; count += 1) yield next()
}

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const mark = Symbol('pending')
  for (let turn = 0; turn < 10; turn += 1) await null
  return (await Promise.race([promise, Promise.resolve(mark)])) === mark
}

const ascending = (list: number[]) => list.toSorted((a, b) => a - b)
const numbersTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1)

test('writes each row once or gives it up, holds no more than allowed, and leaves none behind', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async (planned) => {
      const { store, lost, last, most, promised, held } = await play(planned)
      expect(new Set(store.kept).size).toBe(store.kept.length)
      expect(ascending([...new Set([...store.kept, ...lost])])).toEqual(numbersTo(last))
      expect(new Set(lost).size).toBe(lost.length)
      expect(most).toBeLessThanOrEqual(planned.size + planned.room)
      expect(held).toBe(0)
      for (const [row, promise] of promised) expect(await promise).toBe(lost.includes(row) ? 'given up' : 'written')
      for (const batch of store.batches.values()) expect(batch).toEqual(ascending(batch))
    }),
    { numRuns: 300 },
  )
})

test('writes all rows, in their order, when it may try long enough and nothing is wrong with them', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async (planned) => {
      const { store, lost, last } = await play({ ...planned, tries: 1_000, concurrency: 1, poison: [] })
      expect(lost).toEqual([])
      expect(store.kept).toEqual(numbersTo(last))
    }),
    { numRuns: 200 },
  )
})

test('loses only the rows at fault when the store refuses them', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async (planned) => {
      const { store, lost, last } = await play({ ...planned, tries: 1_000, answers: [] })
      expect(ascending(lost)).toEqual(ascending(planned.poison.filter((row) => row <= last)))
      expect(ascending(store.kept)).toEqual(numbersTo(last).filter((row) => !planned.poison.includes(row)))
    }),
    { numRuns: 100 },
  )
})
