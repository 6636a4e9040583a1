// The promise of run.cached, whatever happens in whatever order: nothing is served that is older than it may be.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ageOf, type Clock, momentOf } from '#collector/cache/ages.ts'
import { memoryStore } from '#collector/cache/memory-store.ts'
import type { CacheStore } from '#collector/cache/stores.ts'
import { cachedIn } from '#collector/cache/values.ts'
import { newOngoing } from '#test/collector/cache/caching.ts'

type Event =
  | { do: 'get'; key: string; fails: boolean; takesMs: number }
  | { do: 'pass'; ms: number }
  | { do: 'set the clock'; byMs: number }
  | { do: 'break'; what: 'get' | 'set' | 'delete' | 'nothing' }

const EVENTS: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('get' as const),
        key: fc.constantFrom('a', 'b'),
        fails: fc.boolean(),
        takesMs: fc.integer({ min: 0, max: 3 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 8 }) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('set the clock' as const),
        byMs: fc.integer({ min: -30, max: 30 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('break' as const),
        what: fc.constantFrom('get' as const, 'set' as const, 'delete' as const, 'nothing' as const),
      }),
    },
  ),
  { maxLength: 60 },
)

const FRESHNESS = fc.record({
  ttlMs: fc.integer({ min: 1, max: 12 }),
  staleWhileRevalidateMs: fc.integer({ min: 0, max: 6 }),
  staleIfErrorMs: fc.integer({ min: 0, max: 6 }),
})

test('serves nothing older than allowed, whatever the clock and the store do', async () => {
  await fc.assert(
    fc.asyncProperty(EVENTS, FRESHNESS, async (events, freshness) => {
      // True time is `now`; the wall clock is that and whatever somebody made of it.
      let now = 0
      let offset = 1e12
      let broken = 'nothing'
      const clock: Clock = { epoch: () => now + offset, monotonic: () => now }
      const store = breakable(
        memoryStore({ maxBytes: 100_000 }, () => now),
        () => broken,
      )
      for (const event of events) {
        if (event.do === 'pass') now += event.ms
        else if (event.do === 'set the clock') offset += event.byMs
        else if (event.do === 'break') broken = event.what
        else {
          const asked = { loaded: false }
          const load = () => {
            asked.loaded = true
            now += event.takesMs
            if (event.fails) throw new Error('down')
            return { key: event.key, bornAt: now }
          }
          const options = { ...freshness, store }
          const served = await cachedIn(newOngoing(), event.key, options, load, clock).catch(() => null)
          const at = now
          // Renewals in the background take part as well, and may have moved the time by now.
          await new Promise((resolve) => setImmediate(resolve))
          if (!served) continue
          const { ttlMs, staleWhileRevalidateMs, staleIfErrorMs } = freshness
          const age = at - served.bornAt
          if (!asked.loaded) expect(age).toBeLessThanOrEqual(ttlMs)
          else if (age - event.takesMs > ttlMs + staleWhileRevalidateMs) {
            expect(event.fails).toBe(true)
            expect(age).toBeLessThanOrEqual(ttlMs + staleIfErrorMs)
          }
          expect(served.key).toBe(event.key)
        }
      }
    }),
    { numRuns: 500 },
  )
})

function breakable(store: CacheStore, broken: () => string): CacheStore {
  const check = (what: string) => {
    if (broken() === what) throw new Error(`${what} is broken`)
  }
  return {
    get(key) {
      check('get')
      return store.get(key)
    },
    set(key, bytes, options) {
      check('set')
      return store.set(key, bytes, options)
    },
    delete(key) {
      check('delete')
      return store.delete(key)
    },
  }
}

const AGES = [
  { name: 'both clocks agree', wall: 50, monotonic: 50, own: 50, other: 50 },
  { name: 'the wall clock was set back', wall: -1_000, monotonic: 50, own: 50, other: undefined },
  { name: 'the wall clock was set forward', wall: 1_000, monotonic: 50, own: 1_000, other: 1_000 },
  { name: 'the machine slept', wall: 3_600_000, monotonic: 50, own: 3_600_000, other: 3_600_000 },
  { name: 'the other process counts from elsewhere', wall: 50, monotonic: -9_000, own: 50, other: 50 },
]

test.each(AGES)('age when $name', ({ wall, monotonic, own, other }) => {
  let [epoch, mono] = [1e12, 1e6]
  const clock: Clock = { epoch: () => epoch, monotonic: () => mono }
  const moment = momentOf(clock)
  epoch += wall
  mono += monotonic
  expect(ageOf(moment, clock)).toBe(own)
  expect(ageOf(moment, clock, 'another process')).toBe(other)
})
