import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareMarks, type Mark } from '#collector/state/moments.ts'
import { createState } from '#collector/state/state.ts'
import { newFile } from '#test/collector/state/files.ts'

const time = fc.date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
const KINDS: Record<string, fc.Arbitrary<Mark>> = {
  numbers: fc.double({ noNaN: true, noDefaultInfinity: true }),
  bigints: fc.bigInt(),
  times: time.map((date) => date.toISOString()),
}

for (const [kind, marks] of Object.entries(KINDS)) {
  test(`never goes back, and is the greatest of the ${kind} that runs which ended well came to`, () => {
    const file = newFile()
    const states = [createState(file, Date.now), createState(file, Date.now)] as const
    let cycles = 0
    const plan = fc.array(
      fc.record({
        advances: fc.array(fc.option(marks, { nil: undefined }), { maxLength: 5 }),
        end: fc.constantFrom('commit', 'abandon', 'crash'),
        process: fc.constantFrom(0, 1),
      }),
      { maxLength: 6 },
    )
    fc.assert(
      fc.property(plan, (runs) => {
        cycles += 1
        let kept: Mark | undefined
        for (const { advances, end, process } of runs) {
          const run = states[process as 0 | 1].begin(`cycle ${cycles}`)
          const mark = run.watermark('at')
          expect(mark.value).toEqual(kept)
          let value = kept
          for (const next of advances) {
            mark.advance(next)
            if (next !== undefined && (value === undefined || next > value)) value = next
            expect(mark.value).toEqual(value)
          }
          if (end !== 'crash') run[end as 'commit' | 'abandon']()
          if (end === 'commit') kept = value
        }
      }),
      { numRuns: 40 },
    )
  })
}

test('stays at what another run came to meanwhile', () => {
  const state = createState(newFile(), Date.now)
  const [slow, fast] = [state.begin('coins'), state.begin('coins')]
  slow.watermark('at').advance(5)
  fast.watermark('at').advance(9)
  fast.commit()
  slow.commit()
  expect(state.begin('coins').watermark('at').value).toBe(9)
})

test('keeps cycles and names apart, and gives one object per name', () => {
  const state = createState(newFile(), Date.now)
  const run = state.begin('coins')
  run.watermark('at').advance(5)
  expect(run.watermark('at').value).toBe(5)
  expect(run.watermark('other').value).toBeUndefined()
  run.commit()
  expect(state.begin('markets').watermark('at').value).toBeUndefined()
})

test('refuses values that have no order, and another kind than before', () => {
  const mark = createState(newFile(), Date.now).begin('coins').watermark('at')
  for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, 'cursor-17', '2026-13-01', '', null, {}, new Date(0)]) {
    expect(() => mark.advance(wrong as string)).toThrow(expect.objectContaining({ name: 'BadInput' }))
  }
  mark.advance(1)
  expect(() => mark.advance('2026-01-01')).toThrow("watermark 'at' is a number; it cannot advance to a string")
  expect(mark.value).toBe(1)
})

const orders: [a: Mark, sign: '<' | '=' | '>', b: Mark][] = [
  ['2026-01-01T00:00:00Z', '<', '2026-01-01T00:00:00.5Z'],
  ['2026-01-01T00:00:00.5Z', '=', '2026-01-01T00:00:00.500000Z'],
  ['2026-01-01T00:00:00.000001Z', '<', '2026-01-01T00:00:00.000002Z'],
  ['2026-01-01T00:00:00.10Z', '>', '2026-01-01T00:00:00.099999999Z'],
  ['2026-01-01T01:00:00+01:00', '=', '2026-01-01T00:00:00Z'],
  ['2026-01-01T01:00:00+0100', '=', '2026-01-01T00:00:00z'],
  ['2026-01-01T01:00:00+01', '=', '2026-01-01 00:00:00'],
  ['2026-01-01', '=', '2026-01-01T00:00Z'],
  ['2025-12-31T23:30:00-01:00', '>', '2026-01-01T00:00:00Z'],
  ['2026-10-25T02:30:00+02:00', '<', '2026-10-25T02:30:00+01:00'],
  [9_007_199_254_740_993n, '>', 9_007_199_254_740_992n],
  [-1, '<', 0],
]
for (const [a, sign, b] of orders) {
  test(`takes ${a} ${sign} ${b}`, () => {
    const found = compareMarks(a, b)
    expect(found < 0 ? '<' : found > 0 ? '>' : '=').toBe(sign)
    expect(Math.sign(compareMarks(b, a))).toBe(0 - Math.sign(found))
  })
}

test('orders times as their nanoseconds, whatever their zones and digits', () => {
  const moment = fc.record({
    date: time,
    nanos: fc.nat(999_999_999),
    digits: fc.nat(9),
    hours: fc.integer({ min: -12, max: 14 }),
  })
  const written = fc.tuple(moment).map(([{ date, nanos, digits, hours }]) => {
    const seconds = Math.floor(date.getTime() / 1_000)
    const fraction = String(nanos).padStart(9, '0').slice(0, digits)
    const local = new Date((seconds + hours * 3_600) * 1_000).toISOString().slice(0, 19)
    const zone = `${hours < 0 ? '-' : '+'}${String(Math.abs(hours)).padStart(2, '0')}:00`
    return {
      text: `${local}${fraction ? `.${fraction}` : ''}${zone}`,
      exact: BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0') || 0),
    }
  })
  fc.assert(
    fc.property(written, written, (a, b) => {
      const expected = a.exact < b.exact ? -1 : a.exact > b.exact ? 1 : 0
      expect(Math.sign(compareMarks(a.text, b.text))).toBe(expected)
    }),
  )
})
