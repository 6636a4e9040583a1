import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Adaptive, type AdaptiveOptions, adapt, adaptive, type Sample } from '#collector/flow/adaptive.ts'
import { BadInput } from '#model/errors.ts'
import { HOST, type Host, type Moment, simulate } from '#test/collector/flow/upstream.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND

/** What was seen between two moments of a run. */
function between(moments: Moment[], fromMs: number, toMs: number) {
  const seen = moments.filter(({ at }) => at >= fromMs && at < toMs)
  const answered = seen.filter(({ outcome }) => outcome === 'ok').length
  const limits = seen.map(({ limit }) => limit)
  return {
    perSecond: (answered / (toMs - fromMs)) * SECOND,
    dropShare: (seen.length - answered) / seen.length,
    meanLimit: limits.reduce((sum, limit) => sum + limit, 0) / limits.length,
    lowest: limits.reduce((least, limit) => Math.min(least, limit)),
    highest: limits.reduce((most, limit) => Math.max(most, limit)),
  }
}

function run(host: Partial<Host>, options: Parameters<typeof simulate>[2], limits: AdaptiveOptions = {}): Moment[] {
  return simulate(adaptive(limits), { ...HOST, ...host }, options)
}

/** What a host with this many slots answers in a second at best. */
const best = ({ slots, serviceMs }: Pick<Host, 'slots' | 'serviceMs'>) => (slots / serviceMs) * SECOND

describe('settles near the knee, with the throughput of the knee', () => {
  for (const slots of [1, 3, 5, 10, 30]) {
    for (const spread of [0, 0.2, 0.5]) {
      test(`with ${slots} slots and a spread of ${spread}`, () => {
        for (const seed of [1, 2, 3]) {
          const seen = between(run({ slots, spread }, { forMs: 2 * MINUTE, seed }), 20 * SECOND, 2 * MINUTE)
          expect(seen.perSecond).toBeGreaterThan((spread > 0.2 ? 0.75 : 0.8) * best({ slots, serviceMs: 100 }))
          expect(seen.meanLimit).toBeGreaterThan(0.85 * slots)
          expect(seen.meanLimit).toBeLessThan(Math.max(1.6 * slots, slots + 1.5))
        }
      })
    }
  }
})

test('comes down from a beginning far beyond the knee, whose RTTs were never unloaded', () => {
  const moments = run({ slots: 5, spread: 0.2 }, { forMs: 3 * MINUTE }, { initial: 40 })
  expect(between(moments, 0, MINUTE).highest).toBeLessThan(100)
  const seen = between(moments, MINUTE, 3 * MINUTE)
  expect(seen.meanLimit).toBeLessThan(8)
  expect(seen.perSecond).toBeGreaterThan(0.85 * best({ slots: 5, serviceMs: 100 }))
})

describe('seldom pushes a host past its cap', () => {
  const caps: [name: string, host: Partial<Host>, most: number][] = [
    ['that lies just beyond the knee', { slots: 5, cap: 6 }, 50],
    ['that lies before the knee', { slots: 10, cap: 8 }, 80],
    ['and stays before the point where it thrashes', { slots: 5, cap: 9, thrash: 0.2 }, 50],
  ]
  for (const [name, host, most] of caps) {
    for (const spread of [0, 0.2]) {
      test(`${name}, with a spread of ${spread}`, () => {
        const moments = run({ ...host, spread }, { forMs: 3 * MINUTE })
        const seen = between(moments, 20 * SECOND, 3 * MINUTE)
        expect(seen.perSecond).toBeGreaterThan(0.7 * most)
        expect(seen.dropShare).toBeLessThan(0.006)
        expect(seen.highest).toBeLessThanOrEqual((host.cap as number) + 2)
        expect(between(moments, 0, 20 * SECOND).dropShare).toBeLessThan(0.03)
      })
    }
  }
})

test('backs off when the host has room for less, and comes back when it has again', () => {
  for (const spread of [0, 0.3]) {
    const changes = [
      { atMs: MINUTE, slots: 3 },
      { atMs: 2 * MINUTE, slots: 10 },
    ]
    const moments = run({ slots: 10, spread }, { forMs: 3 * MINUTE, changes })
    const before = between(moments, 50 * SECOND, MINUTE).meanLimit
    expect(between(moments, MINUTE, MINUTE + 5 * SECOND).lowest).toBeLessThan(0.85 * before)
    const less = between(moments, MINUTE + 15 * SECOND, 2 * MINUTE)
    expect(less.meanLimit).toBeLessThan(5)
    expect(less.highest).toBeLessThanOrEqual(9)
    expect(less.perSecond).toBeGreaterThan(0.7 * 30)
    const again = between(moments, 2 * MINUTE + 20 * SECOND, 3 * MINUTE)
    expect(again.meanLimit).toBeGreaterThan(8)
    expect(again.perSecond).toBeGreaterThan(0.75 * 100)
  }
})

test('backs off at once when the host slows by itself, then learns that this is how it is now', () => {
  const changes = [{ atMs: MINUTE, serviceMs: 400 }]
  const moments = run({ slots: 10, spread: 0.1 }, { forMs: 3 * MINUTE, changes })
  const before = between(moments, 30 * SECOND, MINUTE).highest
  expect(between(moments, MINUTE, MINUTE + 5 * SECOND).lowest).toBeLessThan(0.85 * before)
  const after = between(moments, 2 * MINUTE, 3 * MINUTE)
  expect(after.perSecond).toBeGreaterThan(0.85 * 25)
  expect(after.meanLimit).toBeLessThan(15)
})

test('is not led away when the unloaded RTT drifts up fourfold', () => {
  const changes = Array.from({ length: 200 }, (_, second) => ({
    atMs: (20 + second) * SECOND,
    serviceMs: 100 + 1.5 * second,
  }))
  const moments = run({ slots: 10, spread: 0.2 }, { forMs: 300 * SECOND, changes })
  for (let from = 20; from < 300; from += 40) {
    const seen = between(moments, from * SECOND, (from + 40) * SECOND)
    const serviceMs = 100 + 1.5 * Math.min(200, from + 20)
    expect(seen.meanLimit).toBeLessThan(15)
    expect(seen.perSecond).toBeGreaterThan(0.65 * best({ slots: 10, serviceMs }))
  }
})

test('does not creep up while it asks a little too much for long', () => {
  const moments = run({ slots: 10, spread: 0.2 }, { forMs: 30 * MINUTE })
  for (let from = 1; from < 30; from += 5) {
    const seen = between(moments, from * MINUTE, (from + 5) * MINUTE)
    expect(seen.highest).toBeLessThanOrEqual(18)
    expect(seen.meanLimit).toBeLessThan(13)
  }
})

test('falls to the least under constant timeouts, stays there, and recovers', () => {
  const changes = [
    { atMs: MINUTE, isHanging: true },
    { atMs: 4 * MINUTE, isHanging: false },
  ]
  const moments = run({ slots: 10, spread: 0.2 }, { forMs: 6 * MINUTE, changes })
  const before = between(moments, 30 * SECOND, MINUTE).highest
  // The timeout is 5 s, and each round of them cuts once.
  const falling = between(moments, MINUTE, MINUTE + 40 * SECOND)
  expect(falling.highest).toBeLessThanOrEqual(before)
  expect(falling.lowest).toBe(1)
  expect(between(moments, MINUTE + 40 * SECOND, 4 * MINUTE)).toMatchObject({ highest: 1, dropShare: 1 })
  const after = between(moments, 4 * MINUTE + 15 * SECOND, 6 * MINUTE)
  expect(after.meanLimit).toBeGreaterThan(8.5)
  expect(after.perSecond).toBeGreaterThan(0.85 * 100)
})

test('falls to the least under timeouts only, from any beginning', () => {
  const moments = run({ isHanging: true }, { forMs: 10 * MINUTE }, { min: 3, max: 200, initial: 200 })
  expect(between(moments, 0, 10 * MINUTE).highest).toBeLessThan(200)
  expect(between(moments, MINUTE, 10 * MINUTE)).toMatchObject({ lowest: 3, highest: 3 })
})

test('does not take a few lost answers for overload', () => {
  const seen = between(run({ slots: 10, spread: 0.2, lost: 0.01 }, { forMs: 10 * MINUTE }), MINUTE, 10 * MINUTE)
  // With 10 in flight and one in a hundred taking 5 s, 67 a second are what is possible.
  expect(seen.perSecond).toBeGreaterThan(0.8 * 67)
})

test('does not grow a limit that nobody uses', () => {
  const changes = [{ atMs: 0, demand: 3 }]
  const moments = run({ slots: 100 }, { forMs: 5 * MINUTE, changes }, { max: 100, initial: 4 })
  expect(between(moments, 0, 5 * MINUTE).highest).toBeLessThanOrEqual(6)
})

test('takes no more than it may where the host would take any number', () => {
  const moments = run({ slots: 100 }, { forMs: MINUTE }, { max: 30 })
  expect(between(moments, 10 * SECOND, MINUTE)).toMatchObject({ highest: 30 })
})

const dropped = (inFlight: number): Sample => ({ rttMs: 5_000, inFlight, outcome: 'dropped' })

test('cuts once for all that was in flight, and by half when only drops came since', () => {
  const limits: number[] = []
  let state = adaptive({ initial: 20 })
  for (let inFlight = 20; inFlight > 0; inFlight -= 1) {
    state = adapt(state, dropped(inFlight))
    limits.push(state.limit)
  }
  expect(new Set(limits)).toEqual(new Set([19]))
  for (let inFlight = 19; inFlight > 0; inFlight -= 1) state = adapt(state, dropped(inFlight))
  expect(state.limit).toBe(9)
  const answered = adapt(state, { rttMs: 100, inFlight: 9, outcome: 'ok' })
  expect(adapt(state, dropped(9)).limit).toBe(4)
  expect(adapt(answered, dropped(9)).limit).toBeGreaterThan(4)
})

/** The state after `count` answers that all take as long, at the limit. */
function answered(state: Adaptive, count: number, rttMs: number): Adaptive {
  let next = state
  for (let index = 0; index < count; index += 1) next = adapt(next, { rttMs, inFlight: next.limit, outcome: 'ok' })
  return next
}

const slowed: [name: string, rttMs: number, unloadedMs: number][] = [
  ['does not take for unloaded what falls as its load does', 200, 100],
  ['takes for unloaded what stays when its load falls', 400, 400],
]
for (const [name, rttMs, unloadedMs] of slowed) {
  test(name, () => {
    const calm: Adaptive = { ...adaptive({ initial: 20 }), unloaded: Math.log(100) }
    const eased = answered(calm, 20, 400)
    expect(eased.limit).toBe(10)
    const judged = answered(eased, 19 + 10, rttMs)
    expect(judged.limit).toBe(10)
    expect(Math.exp(judged.unloaded as number)).toBeCloseTo(unloadedMs)
  })
}

test('notices within a few rounds that a host slows which was steady for long', () => {
  let state = answered(adaptive({ max: 10, initial: 10 }), 400, 100)
  expect(state).toMatchObject({ limit: 10, phase: { state: 'steady' } })
  expect(state.round.looks).toBeGreaterThan(10)
  state = answered(state, 30, 200)
  expect(state.limit).toBeLessThan(10)
})

test('reads nothing from an RTT that is none', () => {
  const start = adaptive()
  for (const rttMs of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
    expect(adapt(start, { rttMs, inFlight: 4, outcome: 'ok' })).toEqual(start)
  }
})

test('stays within its bounds, grows on no drop, and cuts no more than once a round, whatever it is told', () => {
  const samples = fc.array(
    fc.record({
      rttMs: fc.oneof(fc.double({ min: 0, max: 60_000 }), fc.constantFrom(Number.NaN, -1, Number.POSITIVE_INFINITY)),
      inFlight: fc.integer({ min: 1, max: 60 }),
      outcome: fc.constantFrom('ok' as const, 'ok' as const, 'ok' as const, 'dropped' as const),
    }),
    { maxLength: 400 },
  )
  const bounds = fc.record({ min: fc.integer({ min: 1, max: 10 }), room: fc.nat(40), at: fc.nat(40) })
  fc.assert(
    fc.property(samples, bounds, (all, { min, room, at }) => {
      const max = min + room
      let state: Adaptive = adaptive({ min, max, initial: Math.min(max, min + at) })
      let spared = 0
      for (const sample of all) {
        const { limit } = state
        state = adapt(state, sample)
        expect(state.limit).toBeGreaterThanOrEqual(min)
        expect(state.limit).toBeLessThanOrEqual(max)
        expect(Number.isInteger(state.limit)).toBe(true)
        if (sample.outcome === 'dropped') expect(state.limit).toBeLessThanOrEqual(limit)
        if (spared > 0) expect(state.limit).toBeGreaterThanOrEqual(limit)
        spared = state.limit < limit ? sample.inFlight - 1 : Math.max(0, spared - 1)
      }
    }),
  )
})

test('begins at 4, or at what of its bounds is nearest', () => {
  expect(adaptive().limit).toBe(4)
  expect(adaptive({ max: 2 }).limit).toBe(2)
  expect(adaptive({ min: 8 }).limit).toBe(8)
})

const wrong: [options: AdaptiveOptions, said: string][] = [
  [{ min: 0 }, 'concurrency.min is 0; it must be a whole number from 1'],
  [{ min: 5, max: 4 }, 'concurrency.min is 5; it must not be above concurrency.max, which is 4'],
  [{ min: 2, max: 6, initial: 7 }, 'concurrency.initial is 7; allowed are 2 to 6 (concurrency.min, concurrency.max)'],
]
for (const [options, said] of wrong) test(said, () => expect(() => adaptive(options)).toThrow(new BadInput(said)))
