import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { MapOptions } from '#collector/flow/map.ts'
import type { MapResult } from '#collector/flow/mapping.ts'
import { BadInput } from '#model/errors.ts'
import { collected, map, ticks } from '#test/collector/flow/maps.ts'

test('keeps the order of the items, and one error away from the others', async () => {
  const fault = new Error('no such coin')
  const results = await map([3, 0, 2, 1], { concurrency: 4 }, async (item, index) => {
    await ticks(item)
    if (item === 0) throw fault
    return `${index}:${item}`
  })
  expect(results).toEqual([
    { state: 'done', item: 3, value: '0:3' },
    { state: 'failed', item: 0, error: fault },
    { state: 'done', item: 2, value: '2:2' },
    { state: 'done', item: 1, value: '3:1' },
  ])
})

test('takes functions that throw at once, return no promise, and items of every kind of source', async () => {
  const flaky = (item: number) => {
    if (item === 2) throw new Error('two')
    return item * 10
  }
  async function* later() {
    yield 1
    await ticks(1)
    yield* [2, 3]
  }
  for (const items of [[1, 2, 3], new Set([1, 2, 3]), later()]) {
    const results = await map(items, {}, flaky)
    expect(results.map((result) => (result.state === 'done' ? result.value : result.state))).toEqual([10, 'failed', 30])
  }
  expect(await map([], {}, flaky)).toEqual([])
  expect(await collected(map([], {}, flaky))).toEqual([])
})

type Plan = { takes: number; fails: boolean }[]
const plans = fc.array(fc.record({ takes: fc.nat(5), fails: fc.boolean() }), { maxLength: 25 })

/** Runs the plan, and checks on the way that no more than allowed run. */
function planned(plan: Plan, concurrency: number, isAsync: boolean) {
  const seen = { pulled: 0, runs: [] as number[], running: 0 }
  function* items() {
    for (const each of plan) {
      seen.pulled += 1
      yield each
    }
  }
  async function* slowly() {
    for (const each of items()) {
      await ticks(each.takes % 2)
      yield each
    }
  }
  const mapped = map(isAsync ? slowly() : items(), { concurrency }, async ({ takes, fails }, index) => {
    seen.runs.push(index)
    seen.running += 1
    expect(seen.running).toBeLessThanOrEqual(concurrency)
    await ticks(takes)
    seen.running -= 1
    if (fails) throw index
    return index
  })
  return { mapped, seen }
}

function expected(plan: Plan): MapResult<Plan[number], number>[] {
  return plan.map((item, index) =>
    item.fails ? { state: 'failed', item, error: index } : { state: 'done', item, value: index },
  )
}

const concurrencies = fc.integer({ min: 1, max: 6 })

test('runs each item once, never more at once than allowed, and gives all results in order', async () => {
  await fc.assert(
    fc.asyncProperty(plans, concurrencies, fc.boolean(), async (plan, concurrency, isAsync) => {
      const { mapped, seen } = planned(plan, concurrency, isAsync)
      expect(await mapped).toEqual(expected(plan))
      expect(seen.runs).toEqual(plan.map((_, index) => index))
    }),
    { numRuns: 60 },
  )
})

test('streams the same, and is never further ahead of its reader than allowed', async () => {
  const readers = fc.array(fc.nat(4), { minLength: 1, maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(plans, concurrencies, fc.boolean(), readers, async (plan, concurrency, isAsync, pauses) => {
      const { mapped, seen } = planned(plan, concurrency, isAsync)
      const results: unknown[] = []
      for await (const result of mapped) {
        results.push(result)
        await ticks(pauses[results.length % pauses.length] as number)
        expect(seen.pulled - results.length).toBeLessThanOrEqual(concurrency)
      }
      expect(results).toEqual(expected(plan))
      expect(seen.runs).toEqual(plan.map((_, index) => index))
    }),
    { numRuns: 60 },
  )
})

test('uses the concurrency it may', async () => {
  let [running, most] = [0, 0]
  await map(Array.from({ length: 30 }), {}, async () => {
    running += 1
    most = Math.max(most, running)
    await ticks(2)
    running -= 1
  })
  expect(most).toBe(10)
})

test('begins at once, but gets no further than its concurrency until results are asked for', async () => {
  const begun: number[] = []
  const mapped = map([1, 2, 3, 4, 5], { concurrency: 2 }, (item) => begun.push(item))
  await ticks(3)
  expect(begun).toEqual([1, 2])
  await mapped
  expect(begun).toEqual([1, 2, 3, 4, 5])
})

test('hands out a result as soon as it and those before it are there', async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const stream = map([0, 1, 2], {}, (item) => gates[item]?.promise)[Symbol.asyncIterator]()
  const first = stream.next()
  gates[1]?.resolve()
  await ticks(2)
  gates[0]?.resolve()
  expect(await first).toMatchObject({ value: { item: 0 } })
  expect(await stream.next()).toMatchObject({ value: { item: 1 } })
  gates[2]?.resolve()
  expect(await stream.next()).toMatchObject({ value: { item: 2 } })
  expect(await stream.next()).toEqual({ done: true, value: undefined })
})

test('may be awaited as often as wanted, iterated once, and not both', async () => {
  const mapped = map([1], {}, (item) => item)
  expect(await mapped).toBe(await mapped)
  expect(() => mapped[Symbol.asyncIterator]()).toThrow(BadInput)
  const streamed = map([1], {}, (item) => item)
  expect(await collected(streamed)).toHaveLength(1)
  expect(() => streamed[Symbol.asyncIterator]()).toThrow(BadInput)
  await expect(streamed).rejects.toThrow('a map can be awaited, or iterated once, and not both')
  const failed = map([1], { signal: AbortSignal.abort('over') }, () => {})
  expect(await failed.catch((reason: unknown) => reason)).toBe('over')
})

const wrong: [options: MapOptions, said: string][] = [
  [{ concurrency: 0 }, 'the concurrency of map is 0; it must be a whole number from 1'],
  [{ concurrency: Number.POSITIVE_INFINITY }, 'the concurrency of map is Infinity; it must be a whole number from 1'],
  [{ perHost: 0.5 }, 'perHost of map is 0.5; it must be a whole number from 1'],
]
for (const [options, said] of wrong) {
  test(`refuses: ${said}`, () => expect(() => map([], options, () => {})).toThrow(new BadInput(said)))
}

test('refuses what cannot be gone through, and what cannot be run', () => {
  expect(() => map(5 as unknown as number[], {}, () => {})).toThrow(
    new BadInput('the items of map must be a list, or something else that for await can go through'),
  )
  expect(() => map([], {}, undefined as unknown as () => void)).toThrow(
    new BadInput('map needs a function to run, not undefined'),
  )
})
