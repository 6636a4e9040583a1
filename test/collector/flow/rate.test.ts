import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isQueueFull } from '#collector/flow/permits.ts'
import { NO_CALLS, type RateLimit, type RateState, rate, take } from '#collector/flow/rate.ts'
import { BadInput } from '#model/errors.ts'

/** When each of `count` calls begins that come as fast as they may. */
function eager(limit: RateLimit, count: number): number[] {
  const begun: number[] = []
  let [state, now] = [NO_CALLS, 0]
  while (begun.length < count) {
    const asked = take(state, now, limit)
    state = asked.state
    if (asked.waitMs === 0) begun.push(now)
    now += asked.waitMs
  }
  return begun
}

const cases: [name: string, limit: RateLimit, begun: number[]][] = [
  [
    'lets all calls of a window begin at once, and the next a window later',
    { calls: 3, perMs: 1_000 },
    [0, 0, 0, 1_000],
  ],
  ['spaces calls evenly with a burst of 1', { calls: 4, perMs: 1_000, burst: 1 }, [0, 250, 500, 750, 1_000]],
  [
    'begins with the burst, and holds the rest back until the window allows them',
    { calls: 4, perMs: 1_000, burst: 2 },
    [0, 0, 250, 500, 1_000, 1_000, 1_250],
  ],
]
for (const [name, limit, begun] of cases) test(name, () => expect(eager(limit, begun.length)).toEqual(begun))

const limits = fc
  .record({ calls: fc.integer({ min: 1, max: 8 }), perMs: fc.integer({ min: 1, max: 2_000 }), burst: fc.nat(8) })
  .map(
    ({ calls, perMs, burst }): RateLimit => ({ calls, perMs, burst: burst === 0 ? undefined : Math.min(calls, burst) }),
  )

test('lets no more than its calls begin in any window, and no more than its burst at once', () => {
  fc.assert(
    fc.property(limits, fc.array(fc.double({ min: 0, max: 900, noNaN: true }), { maxLength: 120 }), (limit, gaps) => {
      const begun: number[] = []
      let [state, now] = [NO_CALLS, 0]
      for (const gap of gaps) {
        now += gap
        const asked = take(state, now, limit)
        state = asked.state
        if (asked.waitMs === 0) begun.push(now)
      }
      const { calls, perMs, burst = calls } = limit
      begun.forEach((at, index) => {
        expect(begun[index + calls] ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(at + perMs)
        if (burst < calls) {
          const spaced = begun[index + burst] ?? Number.POSITIVE_INFINITY
          expect(spaced).toBeGreaterThanOrEqual(at + perMs / calls - 1e-6)
        }
      })
    }),
  )
})

test('costs those who always have something to call nothing: its calls begin in every window', () => {
  fc.assert(
    fc.property(limits, (limit) => {
      const begun = eager(limit, 10 * limit.calls)
      const { calls, perMs } = limit
      for (let index = 0; index + calls < begun.length; index += calls) {
        expect(begun[index + calls]).toBeLessThanOrEqual(((index + calls) / calls) * perMs + 1e-6)
      }
    }),
  )
})

test('remembers no more calls than its limit', () => {
  let [state, now]: [RateState, number] = [NO_CALLS, 0]
  for (; now < 10_000; now += 1) state = take(state, now, { calls: 5, perMs: 100 }).state
  expect(state.begun.length).toBeLessThanOrEqual(5)
})

test('makes nobody wait longer than a window when the clock is set back, and lets nothing more begin then', () => {
  const limit = { calls: 2, perMs: 1_000 }
  let state = take(take(NO_CALLS, 500_000, limit).state, 500_000, limit).state
  const back = take(state, 100, limit)
  expect(back.waitMs).toBe(1_000)
  state = take(back.state, 1_099, limit).state
  expect(take(state, 1_099, limit).waitMs).toBe(1)
  expect(take(state, 1_100, limit).waitMs).toBe(0)
})

test('counts what it promises on a clock that jumps either way', () => {
  const jump = fc.integer({ min: -5_000, max: 5_000 })
  fc.assert(
    fc.property(limits, fc.array(fc.tuple(fc.nat(500), fc.option(jump)), { maxLength: 80 }), (limit, plan) => {
      const begun: number[] = []
      let [state, now, passed] = [NO_CALLS, 10_000, 0]
      for (const [gap, jumped] of plan) {
        // What a jump forward skips counts as passed, as nothing tells it from waiting; one back takes nothing away.
        passed += gap + Math.max(0, jumped ?? 0)
        now += gap + (jumped ?? 0)
        const asked = take(state, now, limit)
        state = asked.state
        expect(asked.waitMs).toBeLessThanOrEqual(limit.perMs + 1e-6)
        if (asked.waitMs === 0) begun.push(passed)
      }
      begun.forEach((at, index) => {
        expect(begun[index + limit.calls] ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(at + limit.perMs)
      })
    }),
  )
})

/** A clock that moves only by waiting, which may end a little early as timers do. */
function clock(earlyMs = 0) {
  let at = 0
  return {
    now: () => at,
    async sleep(ms: number, signal: AbortSignal | undefined) {
      await new Promise(setImmediate)
      signal?.throwIfAborted()
      at += ms > 1 ? ms - earlyMs : 1
    },
  }
}

test('lets those who wait begin in the order of asking, none too early though timers are', async () => {
  const time = clock(0.4)
  const limit = rate({ calls: 2, perMs: 100 }, time)
  const begun: [who: number, at: number][] = []
  await Promise.all(
    [0, 1, 2, 3, 4].map(async (who) => {
      await limit.waitFor()
      begun.push([who, time.now()])
    }),
  )
  expect(begun.map(([who]) => who)).toEqual([0, 1, 2, 3, 4])
  expect(begun.map(([, at]) => Math.floor(at / 100))).toEqual([0, 0, 1, 1, 2])
})

test('waits with a real timer', async () => {
  const limit = rate({ calls: 1, perMs: 30 })
  const from = performance.now()
  await limit.waitFor()
  await limit.waitFor()
  expect(performance.now() - from).toBeGreaterThanOrEqual(30)
})

test('lets no one overtake those who wait, also when a call could begin', async () => {
  let at = 0
  const woken = Promise.withResolvers<void>()
  const limit = rate({ calls: 1, perMs: 10 }, { now: () => at, sleep: () => woken.promise })
  expect(limit.tryTake()).toBe(true)
  const waiting = limit.waitFor()
  expect(limit.queued).toBe(1)
  at = 10
  expect(limit.tryTake()).toBe(false)
  woken.resolve()
  await waiting
  expect(limit.queued).toBe(0)
  at = 20
  expect(limit.tryTake()).toBe(true)
})

test('costs nothing to abort, and the next in line goes on', async () => {
  const limit = rate({ calls: 1, perMs: 3_600_000 })
  await limit.waitFor()
  const reason = new Error('the cycle is over')
  const controllers = [new AbortController(), new AbortController()]
  const waiting = controllers.map(({ signal }) => limit.waitFor(signal))
  expect(limit.queued).toBe(2)
  for (const controller of controllers) controller.abort(reason)
  for (const each of waiting) await expect(each).rejects.toBe(reason)
  expect(limit.queued).toBe(0)
  await expect(limit.waitFor(AbortSignal.abort(reason))).rejects.toBe(reason)
})

test('refuses at once when as many wait as may', async () => {
  const limit = rate({ calls: 1, perMs: 20 }, { maxQueued: 1, what: 'calls of api.example.org' })
  await limit.waitFor()
  const waiting = limit.waitFor()
  await expect(limit.waitFor()).rejects.toSatisfy(isQueueFull)
  await waiting
  const none = rate({ calls: 1, perMs: 20 }, { maxQueued: 0 })
  await none.waitFor()
  await expect(none.waitFor()).rejects.toSatisfy(isQueueFull)
})

const wrong: [limit: RateLimit, said: string][] = [
  [{ calls: 0, perMs: 1 }, 'rate.calls is 0; it must be a whole number from 1'],
  [{ calls: 1e6, perMs: 1 }, 'rate.calls is 1000000; allowed are up to 100000: give fewer calls for a shorter time'],
  [{ calls: 1, perMs: Number.NaN }, 'rate.perMs is NaN; it must be a number of milliseconds above 0'],
  [{ calls: 2, perMs: 1, burst: 3 }, 'rate.burst is 3; it must not be above rate.calls, which is 2'],
]
for (const [limit, said] of wrong) test(said, () => expect(() => rate(limit)).toThrow(new BadInput(said)))
