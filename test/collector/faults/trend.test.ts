import { expect, test } from 'vitest'
import { type Reading, trendOf } from '#test/collector/faults/trend.ts'
import { random } from '#test/ingest/mutate.ts'

const pick = random(7)
const noise = (most: number) => pick(2 * most + 1) - most

/** Twenty readings, one every 500 cycles. */
function readings(value: (cycles: number) => number): Reading[] {
  return Array.from({ length: 20 }, (_, index) => [(index + 1) * 500, value((index + 1) * 500)] as const)
}

const cases: [what: string, value: (cycles: number) => number, grows: boolean][] = [
  ['what stays', () => 7, false],
  ['what goes up and down', () => 20 + noise(6), false],
  ['what rises while it warms up', (cycles) => Math.min(cycles, 3_000) / 100, false],
  ['what takes one step late', (cycles) => (cycles > 7_000 ? 12 : 4), false],
  ['what shrinks', (cycles) => 100 - cycles / 200, false],
  ['one more in a thousand cycles', (cycles) => 3 + cycles / 1_000, true],
  ['one more in two hundred cycles under noise', (cycles) => 3 + cycles / 200 + noise(3), true],
]

for (const [what, value, grows] of cases) {
  test(`${grows ? 'calls' : 'does not call'} it growth: ${what}`, () => {
    expect(trendOf(readings(value), 4).grows).toBe(grows)
  })
}

test('decides nothing from a few readings', () => {
  expect(() => trendOf(readings(() => 1).slice(0, 7), 4)).toThrow('at least 8')
})
