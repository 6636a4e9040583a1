import { expect, test } from 'vitest'
import { formatSize, parseSize, sizeConfig } from '#model/sizes.ts'

test.each([
  ['0', 0],
  ['512', 512],
  ['512B', 512],
  ['1kB', 1_000],
  ['1.5 MB', 1_500_000],
  ['10GB', 10_000_000_000],
  ['2TB', 2_000_000_000_000],
  ['64KiB', 65_536],
  ['64MiB', 67_108_864],
  [' 1GiB ', 1_073_741_824],
  ['1TiB', 1_099_511_627_776],
  ['10gb', 10_000_000_000],
  ['0.1MiB', 104_858],
])('reads %j', (text, bytes) => expect(parseSize(text)).toBe(bytes))

test.each([
  '',
  'GB',
  '10G',
  '10 gigabytes',
  '-1MB',
  '1,5MB',
  '1e9',
  '0x10',
  '.5GB',
  '10GB/s',
  '1constructor',
  '99999999TB',
  '9'.repeat(400),
])('refuses %j and says what is allowed', (text) =>
  expect(() => parseSize(text)).toThrow(
    `'${text}' is not a size; write a number of bytes, or a number and kB, MB, GB, TB (of 1000) or KiB, MiB, GiB, TiB ` +
      '(of 1024), as in 10GB',
  ),
)

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_536, '1.54 kB'],
  [999_600, '1 MB'],
  [67_108_864, '67.1 MB'],
  [10_000_000_000, '10 GB'],
  [5e15, '5 PB'],
])('writes %d as a person would', (bytes, text) => expect(formatSize(bytes)).toBe(text))

const ALLOWED =
  'must be a number of bytes, or a number and kB, MB, GB, TB (of 1000) or KiB, MiB, GiB, TiB (of 1024), as in 10GB'

test.each([
  [5_000, 5_000],
  ['5kB', 5_000],
  ['4999', 'must be at least 5000 bytes'],
  ['1MB', 'must be at most 10000 bytes'],
  [5_000.5, 'must be a whole number of bytes'],
  ['geheim', ALLOWED],
  [true, ALLOWED],
  [Number.NaN, ALLOWED],
])('takes %j from the configuration as %j', (value, expected) => {
  const { data, error } = sizeConfig({ min: 5_000, max: 10_000 }).safeParse(value)
  expect(data ?? error?.issues[0]?.message).toBe(expected)
})
