import { expect, test } from 'vitest'
import { parseInstant, rollingWindows } from '#model/windows.ts'

/** Windows as `from-to`. */
function windows([from, to, lengthMs, stepMs]: readonly [number, number, number, number]): string {
  return rollingWindows({ from, to }, lengthMs, stepMs)
    .map((window) => `${window.from}-${window.to}`)
    .join(' ')
}

test.each([
  { name: 'touch when length and step are the same', args: [0, 30, 10, 10], expected: '0-10 10-20 20-30' },
  { name: 'overlap when they are longer than a step', args: [0, 30, 20, 10], expected: '-10-10 0-20 10-30' },
  { name: 'leave gaps when they are shorter', args: [0, 30, 5, 10], expected: '5-10 15-20 25-30' },
  {
    name: 'end at the end of a range that is no multiple of the step',
    args: [0, 25, 10, 10],
    expected: '-5-5 5-15 15-25',
  },
  { name: 'are one when the step is longer than the range', args: [0, 25, 10, 100], expected: '15-25' },
] as const)('rolling windows $name', ({ args, expected }) => {
  expect(windows(args)).toBe(expected)
})

test('refuses a series of too many windows', () => {
  expect(() => rollingWindows({ from: 0, to: 20_000 }, 1, 1)).toThrow('20000 windows; at most 10000')
})

test.each([
  ['2026-11-01', Date.UTC(2026, 10, 1)],
  ['2026-11-01T08:00:00Z', Date.UTC(2026, 10, 1, 8)],
  ['2026-11-01t08:00:00.25z', Date.UTC(2026, 10, 1, 8, 0, 0, 250)],
  ['2026-11-01T08:00:00+02:00', Date.UTC(2026, 10, 1, 6)],
  ['2024-02-29', Date.UTC(2024, 1, 29)],
])('reads %s', (text, ms) => {
  expect(parseInstant(text)).toBe(ms)
})

test.each([
  '',
  'now',
  '2026',
  '2026-11',
  '2026-02-29',
  '2026-13-01',
  '2026-11-01T25:00:00Z',
  '2026-11-01T08:00:00',
  '1.11.2026',
])('refuses %j as a time', (text) => {
  expect(() => parseInstant(text)).toThrow(`'${text}' is not a time`)
})
