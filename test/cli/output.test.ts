import { expect, test } from 'vitest'
import { harmless } from '#cli/harmless.ts'
import { count, type Look, lookOf, moment, share, table } from '#cli/output.ts'
import { output } from '#test/cli/surroundings.ts'

const PLAIN: Look = { colour: false, width: null }
type Row = { name: string; cycles: number; p95: string | null }
const COLUMNS = [
  { title: 'name', cell: ({ name }: Row) => name, cut: true },
  { title: 'cycles', cell: ({ cycles }: Row) => cycles, drop: 1 },
  { title: 'p95', cell: ({ p95 }: Row) => p95, right: true },
]
const ROWS: Row[] = [
  { name: 'coins', cycles: 1_234_567, p95: '16.8 s' },
  { name: '硬貨', cycles: 12, p95: null },
]

test('draws a table without borders, numbers to the right', () => {
  expect(table(ROWS, COLUMNS, PLAIN)).toBe(
    ['name      cycles     p95', 'coins  1,234,567  16.8 s', '硬貨          12       –'].join('\n'),
  )
})

test('draws the titles alone when there are no rows', () => {
  expect(table([], COLUMNS, PLAIN)).toBe('name  cycles  p95')
})

const LONG = [{ name: 'a'.repeat(30), cycles: 1_234_567, p95: '16.8 s' }]
test.each([
  { width: 80, row: `${'a'.repeat(30)}  1,234,567  16.8 s` },
  { width: 49, row: `${'a'.repeat(30)}  1,234,567  16.8 s` },
  { width: 48, row: `${'a'.repeat(30)}  16.8 s` },
  { width: 30, row: `${'a'.repeat(21)}…  16.8 s` },
  { width: 10, row: `${'a'.repeat(11)}…  16.8 s` },
])('in $width columns drops what may be dropped, then cuts names, and never a figure', ({ width, row }) => {
  expect(table(LONG, COLUMNS, { colour: false, width }).split('\n')[1]).toBe(row)
})

test('cuts nothing where it is no terminal', () => {
  expect(table(LONG, COLUMNS, PLAIN)).toContain('a'.repeat(30))
})

test('dims the titles only where colours are allowed', () => {
  const [head = ''] = table(ROWS, COLUMNS, { colour: true, width: null }).split('\n')
  expect([head.startsWith('\u001b[2mname'), head.endsWith('\u001b[22m')]).toEqual([true, true])
})

const looks = [
  { name: 'a terminal', isTTY: true, env: {}, look: { colour: true, width: 120 } },
  { name: 'a terminal with NO_COLOR', isTTY: true, env: { NO_COLOR: '1' }, look: { colour: false, width: 120 } },
  { name: 'a terminal with an empty NO_COLOR', isTTY: true, env: { NO_COLOR: '' }, look: { colour: true, width: 120 } },
  { name: 'a dumb terminal', isTTY: true, env: { TERM: 'dumb' }, look: { colour: false, width: 120 } },
  { name: 'a pipe', isTTY: false, env: {}, look: { colour: false, width: null } },
]
for (const { name, isTTY, env, look } of looks) {
  test(`knows how text may look on ${name}`, () => {
    expect(lookOf(Object.assign(output(), { isTTY, columns: 120 }), env)).toEqual(look)
  })
}

const hostile = [
  ['\u001b[31mred', '␛[31mred'],
  ['two\nlines\r\t', 'two␊lines␍␉'],
  ['\u202Egpj.exe', '<U+202E>gpj.exe'],
  ['a\u200Bb\u2028c', 'a<U+200B>b<U+2028>c'],
  ['\u009b2J\u007f', '<U+009B>2J␡'],
  ['\uD800', '<U+D800>'],
  ['Zürich 硬貨 😀', 'Zürich 硬貨 😀'],
] as const
for (const [text, shown] of hostile) {
  test(`shows ${JSON.stringify(text)} as ${shown}`, () => {
    expect(harmless(text)).toBe(shown)
    expect(table([{ name: text, cycles: 1, p95: null }], COLUMNS, PLAIN).split('\n')[1]).toContain(shown)
  })
}

const shares = [
  [0, '0%'],
  [0.00001, '<0.01%'],
  [0.0042, '0.42%'],
  [0.168, '16.8%'],
  [0.5, '50.0%'],
  [0.9996, '>99.9%'],
  [1, '100%'],
  [Number.NaN, '–'],
] as const
for (const [fraction, shown] of shares) {
  test(`prints the share ${fraction} as ${shown}`, () => expect(share(fraction)).toBe(shown))
}

test('prints counts with separators and times in UTC', () => {
  expect([count(0), count(1_234_567), count(Number.NaN)]).toEqual(['0', '1,234,567', '–'])
  expect([moment(1_790_000_000_999), moment('2026-09-21T14:13:20.999Z')]).toEqual(Array(2).fill('2026-09-21T14:13:20Z'))
  expect([moment(Number.NaN), moment('soon')]).toEqual(['–', '–'])
})
