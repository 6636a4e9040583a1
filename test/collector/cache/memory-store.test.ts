import fc from 'fast-check'
import { expect, test } from 'vitest'
import { memoryStore } from '#collector/cache/memory-store.ts'

const KEYS = fc.constantFrom('a', 'b', 'c', 'a long key '.repeat(20))
const CALLS = fc.array(
  fc.oneof(
    fc.record({
      call: fc.constant('set' as const),
      key: KEYS,
      size: fc.integer({ min: 0, max: 3_000 }),
      ttlMs: fc.integer({ min: 1, max: 100 }),
    }),
    fc.record({ call: fc.constant('get' as const), key: KEYS }),
    fc.record({ call: fc.constant('delete' as const), key: KEYS }),
    fc.record({ call: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 60 }) }),
  ),
  { maxLength: 100 },
)

test('never exceeds its bound, and gives nothing but what was set last, in its time', () => {
  fc.assert(
    fc.property(CALLS, fc.integer({ min: 1_024, max: 8_000 }), (calls, maxBytes) => {
      let now = 0
      let turn = 0
      const store = memoryStore({ maxBytes, maxEntryBytes: 2_000 }, () => now)
      const last = new Map<string, { bytes: Uint8Array; endsAt: number }>()
      for (const each of calls) {
        turn += 1
        if (each.call === 'pass') now += each.ms
        else if (each.call === 'set') {
          const bytes = new Uint8Array(each.size).fill(turn)
          store.set(each.key, bytes, { ttlMs: each.ttlMs })
          last.set(each.key, { bytes, endsAt: now + each.ttlMs })
        } else if (each.call === 'delete') {
          store.delete(each.key)
          last.delete(each.key)
        } else {
          const found = store.get(each.key) as Uint8Array | undefined
          const expected = last.get(each.key)
          if (found) {
            expect(expected && expected.endsAt >= now).toBe(true)
            expect(Buffer.compare(found, expected?.bytes as Uint8Array)).toBe(0)
          }
        }
        expect(store.bytes).toBeLessThanOrEqual(maxBytes)
      }
      for (const key of last.keys()) store.delete(key)
      expect(store.bytes).toBe(0)
    }),
  )
})

test('makes room by what was not used for longest', () => {
  const store = memoryStore({ maxBytes: 3 * 1_900, maxEntryBytes: 1_000 })
  for (const key of ['a', 'b', 'c']) store.set(key, Buffer.alloc(1_000), { ttlMs: 1_000 })
  store.get('a')
  store.set('d', Buffer.alloc(1_000), { ttlMs: 1_000 })
  expect(['a', 'b', 'c', 'd'].filter((key) => store.get(key))).toEqual(['a', 'c', 'd'])
})

test('forgets the old when the new is too large to keep', () => {
  const store = memoryStore({ maxBytes: 10_000, maxEntryBytes: 100 })
  store.set('a', Buffer.alloc(100), { ttlMs: 1_000 })
  expect(store.get('a')).toBeDefined()
  store.set('a', Buffer.alloc(101), { ttlMs: 1_000 })
  expect(store.get('a')).toBeUndefined()
})

test('neither takes nor gives what somebody else can change', () => {
  const store = memoryStore({ maxBytes: 10_000 })
  const mine = Buffer.from('seven')
  store.set('a', mine, { ttlMs: 1_000 })
  mine.fill(0)
  ;(store.get('a') as Buffer).fill(1)
  expect(String(store.get('a'))).toBe('seven')
})

test.each([0, 1_023, 1.5, Number.NaN, '1 MB', undefined])('refuses maxBytes %s', (maxBytes) => {
  expect(() => memoryStore({ maxBytes: maxBytes as number })).toThrow('maxBytes of a memory store is')
})
