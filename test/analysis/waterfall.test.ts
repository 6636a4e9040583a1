import fc from 'fast-check'
import { expect, test } from 'vitest'
import { waterfall } from '#analysis/waterfall.ts'
import type { SpanRow } from '#storage/cycles.ts'

/** `b<a` is a span b below a; `a` alone is a root. Each starts a millisecond after the one before it. */
function spans(...texts: string[]): SpanRow[] {
  return texts.map((text, index) => {
    const [spanId = '', parentSpanId = ''] = text.split('<')
    return {
      spanId,
      parentSpanId,
      name: spanId,
      kind: 'internal',
      service: 's',
      startNano: String(1_700_000_000_000_000_000n + BigInt(index) * 1_000_000n),
      durationMs: 1,
      status: 'Unset',
      message: '',
      attributes: {},
      eventNames: [],
      eventNanos: [],
      eventAttributes: [],
    }
  })
}

/** One word a row: a dot per level, the span, `?` where its parent never came. */
function drawn(rows: SpanRow[]): string {
  return waterfall(rows)
    .map(({ depth, spanId, parent }) => '.'.repeat(depth) + spanId + (parent === 'missing' ? '?' : ''))
    .join(' ')
}

const cases = [
  { name: 'parents before children, siblings by start', given: ['a', 'b<a', 'c<b', 'd<a'], drawn: 'a .b ..c .d' },
  { name: 'a child that started before its parent below it', given: ['c<b', 'a', 'b<a'], drawn: 'a .b ..c' },
  { name: 'a span whose parent never came below the root', given: ['a', 'b<a', 'd<x', 'e<d'], drawn: 'a .b .d? ..e' },
  { name: 'spans without a root side by side', given: ['b<a', 'c<b', 'd<a'], drawn: 'b? .c d?' },
  { name: 'parents that point in a circle once', given: ['a', 'b<c', 'c<b'], drawn: 'a .b? ..c' },
  { name: 'a span that is its own parent once', given: ['a', 'b<b'], drawn: 'a .b?' },
  { name: 'two roots one after the other', given: ['a', 'b', 'c<b'], drawn: 'a b .c' },
  { name: 'nothing when there is nothing', given: [], drawn: '' },
]
test.each(cases)('draws $name', ({ given, drawn: expected }) => {
  expect(drawn(spans(...given))).toBe(expected)
})

test('counts times from the start of the root, negative where a clock is behind', () => {
  const rows = waterfall(spans('b<a', 'a', 'c<a'))
  expect(rows.map(({ spanId, startMs }) => [spanId, startMs])).toEqual([
    ['a', 0],
    ['b', -1],
    ['c', 1],
  ])
})

test('draws every span exactly once, whatever its parent is', () => {
  const id = fc.constantFrom(...'abcdefghij')
  const tree = fc.uniqueArray(fc.tuple(id, fc.option(id, { nil: '' })), { selector: ([spanId]) => spanId })
  fc.assert(
    fc.property(tree, (pairs) => {
      const given = spans(...pairs.map(([spanId, parent]) => `${spanId}<${parent}`))
      const ids = waterfall(given).map(({ spanId }) => spanId)
      expect(ids.toSorted()).toEqual(given.map(({ spanId }) => spanId).toSorted())
    }),
  )
})

test('draws a chain of 20,000 spans', () => {
  const chain = Array.from({ length: 20_000 }, (_, n) => (n === 0 ? 's0' : `s${n}<s${n - 1}`))
  expect(waterfall(spans(...chain)).at(-1)?.depth).toBe(19_999)
})
