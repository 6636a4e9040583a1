import { expect, test } from 'vitest'
import { formatDuration, parseDuration } from '#model/durations.ts'

test.each([
  ['150ms', 150],
  ['25s', 25_000],
  ['1.5h', 5_400_000],
  ['2m', 120_000],
  ['30d', 2_592_000_000],
  ['1w', 604_800_000],
  ['0s', 0],
  [' 3s ', 3_000],
])('reads %s as %i ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

test.each(['', '25', 's', '25 s', '-1s', '1e3s', '1,5s', '25sec', '1m30s', 'NaNs', '٣s'])('refuses %j', (text) => {
  expect(() => parseDuration(text)).toThrow(`'${text}' is not a duration`)
})

test.each([
  [0, '0 ms'],
  [0.4213, '0.421 ms'],
  [999.4, '999 ms'],
  [999.6, '1 s'],
  [16_840, '16.8 s'],
  [99_960, '1 min 40 s'],
  [172_200, '2 min 52 s'],
  [3_599_600, '1 h'],
  [11_100_000, '3 h 5 min'],
  [360_000_000, '4 d 4 h'],
])('writes %d ms as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})
