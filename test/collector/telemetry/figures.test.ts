import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createHistogram, createUpDown, MOST_SERIES } from '#collector/telemetry/figures.ts'

const META = { name: 'x', unit: 's', description: '' }

function distributionsOf(histogram: ReturnType<typeof createHistogram>) {
  return histogram.kind === 'histogram' ? histogram.distributions() : []
}

const bounds: [value: number, counts: number[]][] = [
  [0, [1, 0, 0]],
  [20, [1, 0, 0]],
  [20.001, [0, 1, 0]],
  [30, [0, 1, 0]],
  [31, [0, 0, 1]],
]

for (const [value, counts] of bounds) {
  test(`counts ${value} where it belongs between 20 and 30`, () => {
    const histogram = createHistogram(META, [20, 30])
    histogram.record(value, {})
    expect(distributionsOf(histogram)).toEqual([{ labels: {}, count: 1, sum: value, min: value, max: value, counts }])
  })
}

test('counts every value once, whatever it is', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, min: 0, max: 100 }), { minLength: 1 }), (values) => {
      const histogram = createHistogram(META, [1, 20, 30, 60])
      for (const value of values) histogram.record(value, {})
      const [one] = distributionsOf(histogram)
      expect(one?.counts.reduce((sum, count) => sum + count, 0)).toBe(values.length)
      expect(one).toMatchObject({ count: values.length, min: Math.min(...values), max: Math.max(...values) })
      for (const [index, bound] of [1, 20, 30, 60].entries()) {
        const below = one?.counts.slice(0, index + 1).reduce((sum, count) => sum + count, 0)
        expect(below).toBe(values.filter((value) => value <= bound).length)
      }
    }),
  )
})

test('keeps series apart by name and value of their labels', () => {
  const level = createUpDown(META)
  level.add(1, { a: 'x' })
  level.add(1, { b: 'x' })
  level.add(2, { a: 'x' })
  level.add(5, { a: 'x', b: 'x' })
  expect(level.kind === 'updown' && level.values()).toEqual([
    { labels: { a: 'x' }, value: 3 },
    { labels: { b: 'x' }, value: 1 },
    { labels: { a: 'x', b: 'x' }, value: 5 },
  ])
})

test('counts what is too much of different labels as one', () => {
  const level = createUpDown(META)
  for (let n = 0; n < MOST_SERIES + 500; n += 1) level.add(1, { n })
  level.add(1, { n: 0 })
  const values = level.kind === 'updown' ? level.values() : []
  expect(values).toHaveLength(MOST_SERIES + 1)
  expect(values[0]?.value).toBe(2)
  expect(values.at(-1)).toEqual({ labels: { 'otel.metric.overflow': true }, value: 500 })
})
