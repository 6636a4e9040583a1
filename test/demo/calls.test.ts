import { expect, test } from 'vitest'
import { CALLS, type CallTimes, drawCalls, splitCycle, timeCalls } from '#demo/coins/calls.ts'
import { drawCoinDuration } from '#demo/coins/durations.ts'
import { seededRandom } from '#demo/coins/random.ts'

const totalOf = (times: CallTimes) => CALLS.reduce((sum, call) => sum + times[call], 0)

/** Calls that tell which draw they came from: 1 for every call of the first, 2 for the second. */
function numberedDraws(): () => CallTimes {
  let draws = 0
  return () => {
    draws += 1
    return { status: draws, coins: draws, exchanges: draws, markets: draws }
  }
}

test('splits every draw without a rest', () => {
  const random = seededRandom(7)
  for (let draw = 0; draw < 10_000; draw++) {
    const total = drawCoinDuration(random)
    const times = splitCycle(total, random())
    expect(Math.abs(totalOf(times) - total)).toBeLessThan(1e-6)
    expect(Math.min(...Object.values(times))).toBeGreaterThan(0)
  }
})

const cases = [
  { name: 'gives /status the least when the cycle is fast', total: 16_840, trouble: 0.2, slowest: 'markets' },
  { name: 'lets /markets be slow when trouble says so', total: 90_000, trouble: 0.2, slowest: 'markets' },
  { name: 'lets /coins be slow when trouble says so', total: 90_000, trouble: 0.9, slowest: 'coins' },
] as const

for (const { name, total, trouble, slowest } of cases) {
  test(name, () => {
    const times = splitCycle(total, trouble)
    const byTime = CALLS.toSorted((a, b) => times[a] - times[b])
    expect([byTime[0], byTime.at(-1)]).toEqual(['status', slowest])
  })
}

test('keeps nearly all the excess in one call when the cycle is slow', () => {
  const usual = splitCycle(20_000, 0)
  const slow = splitCycle(120_000, 0)
  expect((slow.markets - usual.markets) / 100_000).toBeGreaterThan(0.95)
  expect(slow.coins / usual.coins).toBeLessThan(1.3)
})

test('leaves the job its own time, which is not scaled', () => {
  expect(totalOf(drawCalls(() => 0.5, 1, 40))).toBeCloseTo(16_800, 6)
  expect(totalOf(drawCalls(() => 0.5, 100, 8.4))).toBeCloseTo(160, 6)
})

test('keeps a draw for the four calls of a cycle when they come in any order', () => {
  const dueAt = timeCalls(numberedDraws())
  const asked = ['status', 'markets', 'coins', 'exchanges', 'status', 'coins'] as const
  expect(asked.map((call) => dueAt('a', call, 0))).toEqual([1, 1, 1, 1, 2, 2])
})

test('draws anew when a call is asked for again', () => {
  const dueAt = timeCalls(numberedDraws())
  expect((['status', 'coins', 'coins', 'exchanges'] as const).map((call) => dueAt('a', call, 0))).toEqual([1, 1, 2, 2])
})

test('keeps the draws of two clients apart when their calls interleave', () => {
  const dueAt = timeCalls(numberedDraws())
  const dues = CALLS.flatMap((call) => [dueAt('a', call, 0), dueAt('b', call, 0)])
  expect(dues).toEqual([1, 2, 1, 2, 1, 2, 1, 2])
})

test('goes on when more clients come than it remembers', () => {
  const dueAt = timeCalls(numberedDraws())
  for (let client = 0; client < 1_001; client++) dueAt(`client ${client}`, 'status', 0)
  expect(dueAt('client 1000', 'coins', 0)).toBe(1_001)
  expect(dueAt('client 0', 'coins', 0)).toBe(1_002)
})

const timings = [
  { name: 'counts from when the call before was due when the job went on at once', coinsAt: 1_012, due: 1_110 },
  { name: 'counts from the call itself when the job paused before it', coinsAt: 1_050, due: 1_150 },
  { name: 'counts from the call itself when the one before is still pending', coinsAt: 1_005, due: 1_105 },
]

for (const { name, coinsAt, due } of timings) {
  test(name, () => {
    const dueAt = timeCalls(() => ({ status: 10, coins: 100, exchanges: 100, markets: 100 }))
    expect(dueAt('a', 'status', 1_000)).toBe(1_010)
    expect(dueAt('a', 'coins', coinsAt)).toBe(due)
  })
}

test('counts all calls from the one before them when they come together', () => {
  const dueAt = timeCalls(() => ({ status: 10, coins: 100, exchanges: 200, markets: 300 }))
  dueAt('a', 'status', 1_000)
  expect([dueAt('a', 'coins', 1_011), dueAt('a', 'exchanges', 1_011), dueAt('a', 'markets', 1_012)]).toEqual([
    1_110, 1_210, 1_310,
  ])
})
