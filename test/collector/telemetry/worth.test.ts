import { expect, test } from 'vitest'
import type { Ongoing } from '#collector/ongoing.ts'
import { addCost, flagIn } from '#collector/telemetry/worth.ts'
import { inCycle, start } from '#test/collector/telemetry/telling.ts'

/** The root and the log records of a cycle that does this. */
async function told(fn: (ongoing: Ongoing) => void) {
  const { receiver, telemetry } = await start()
  await inCycle('coins', fn)
  await telemetry.flush()
  return { attributes: receiver.one('coins').attributes, records: receiver.records }
}

test('adds up what calls cost', async () => {
  const { attributes } = await told((ongoing) => {
    for (let call = 0; call < 1_000; call += 1) addCost(ongoing, 0.005)
  })
  expect(attributes['cycle.cost']).toBe(5)
})

test('tells a cost of nothing', async () => {
  expect((await told((ongoing) => addCost(ongoing, 0))).attributes['cycle.cost']).toBe(0)
})

test('tells no cost that nobody told', async () => {
  expect((await told(() => {})).attributes).not.toHaveProperty(['cycle.cost'])
})

test('ignores a cost that is none', async () => {
  const { attributes } = await told((ongoing) => {
    addCost(ongoing, 1)
    for (const odd of [Number.NaN, -1, Number.POSITIVE_INFINITY, '1', undefined]) addCost(ongoing, odd as number)
  })
  expect(attributes['cycle.cost']).toBe(1)
})

test('tells flags on the root, and when they were looked at', async () => {
  const { attributes, records } = await told((ongoing) => {
    const set = (key: string, value: unknown) => void ongoing.span.setAttribute(key, value as string)
    flagIn(ongoing, set, 'new-parser', true)
    flagIn(ongoing, set, 'batch', 50)
    flagIn(ongoing, set, 'batch', 100)
  })
  expect(attributes).toMatchObject({ 'feature_flag.new-parser': true, 'feature_flag.batch': 100 })
  const events = records.filter(({ event }) => event === 'feature_flag.evaluation')
  expect(events.map((each) => each.attributes)).toMatchObject([
    { 'feature_flag.key': 'new-parser', 'feature_flag.result.value': true, 'cycle.name': 'coins' },
    { 'feature_flag.key': 'batch', 'feature_flag.result.value': 50 },
    { 'feature_flag.key': 'batch', 'feature_flag.result.value': 100 },
  ])
})

test('refuses a flag without a key or a plain value', async () => {
  await told((ongoing) => {
    expect(() => flagIn(ongoing, () => {}, '', true)).toThrow("a flag's key in cycle 'coins' must not be empty")
    expect(() => flagIn(ongoing, () => {}, 'x', {} as string)).toThrow("flag 'x' of cycle 'coins' must be a text")
  })
})
