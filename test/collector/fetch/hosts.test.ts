import { describe, expect, test } from 'vitest'
import { createBreaker } from '#collector/fetch/breaker.ts'
import { rememberLatencies } from '#collector/fetch/latency.ts'
import { createQuota } from '#collector/fetch/quota.ts'

/** A clock that stands until it is moved. */
function clock() {
  let at = 1_000
  return {
    now: () => at,
    move(ms: number) {
      at += ms
    },
  }
}

describe('the circuit breaker', () => {
  const OPTIONS = { failures: 3, openMs: 1_000 }
  const failed = (result: string) => result === 'bad'

  /** One call a letter, g(ood) or b(ad); a digit moves the clock by so many hundred milliseconds. What passed, and what did not. */
  async function timeline(text: string): Promise<string> {
    const time = clock()
    const breaker = createBreaker(OPTIONS, time.now)
    let told = ''
    for (const letter of text) {
      if (/\d/.test(letter)) {
        time.move(Number(letter) * 100)
        told += letter
        continue
      }
      const result = await breaker.pass(async () => (letter === 'b' ? 'bad' : 'good'), failed)
      told += result === 'open' ? '-' : letter
    }
    return `${told} ${breaker.state()}`
  }

  const TIMELINES: [what: string, calls: string, passed: string][] = [
    ['stays closed while calls succeed in between', 'bbgbbgbb', 'bbgbbgbb closed'],
    ['opens after three failures in a row', 'bbbgg', 'bbb-- open'],
    ['lets nobody pass before its time', 'bbb9g', 'bbb9- open'],
    ['closes when the probe succeeds', 'bbb91gg', 'bbb91gg closed'],
    ['opens again when the probe fails', 'bbb91bg', 'bbb91b- open'],
    ['waits as long again after that', 'bbb91b9g1g', 'bbb91b9-1g closed'],
    ['needs three failures again after it closed', 'bbb91gbbg', 'bbb91gbbg closed'],
  ]
  for (const [what, calls, passed] of TIMELINES) {
    test(what, async () => expect(await timeline(calls)).toBe(passed))
  }

  test('lets a single probe pass, whoever else comes meanwhile', async () => {
    const time = clock()
    const breaker = createBreaker(OPTIONS, time.now)
    for (let n = 0; n < 3; n++) await breaker.pass(async () => 'bad', failed)
    time.move(1_000)
    expect(breaker.closedForMs()).toBe(0)
    const probe = Promise.withResolvers<string>()
    const first = breaker.pass(() => probe.promise, failed)
    expect(breaker.state()).toBe('half_open')
    expect(await breaker.pass(async () => 'good', failed)).toBe('open')
    expect(breaker.closedForMs()).toBeGreaterThan(0)
    probe.resolve('good')
    expect(await first).toBe('good')
    expect(breaker.closedForMs()).toBe(0)
  })

  test('passes on what an attempt throws, and takes it for no failure', async () => {
    const breaker = createBreaker(OPTIONS, clock().now)
    for (let n = 0; n < 5; n++) {
      await expect(breaker.pass(() => Promise.reject(new Error('bug')), failed)).rejects.toThrow('bug')
    }
    expect(breaker.state()).toBe('closed')
  })
})

describe('a quota', () => {
  test('grants so many calls a period, counted from the first', () => {
    const time = clock()
    const quota = createQuota({ calls: 2, perMs: 1_000 }, time.now)
    time.move(5_000)
    expect(quota.take()).toEqual({ taken: true })
    time.move(400)
    expect(quota.take()).toEqual({ taken: true })
    expect(quota.take()).toEqual({ taken: false, renewsInMs: 600 })
    expect(quota.remaining()).toBe(0)
    time.move(600)
    expect(quota.remaining()).toBe(2)
    expect(quota.take()).toEqual({ taken: true })
  })

  test('does not save up what was not used', () => {
    const time = clock()
    const quota = createQuota({ calls: 2, perMs: 1_000 }, time.now)
    quota.take()
    time.move(10_300)
    expect([quota.take(), quota.take(), quota.take()].map(({ taken }) => taken)).toEqual([true, true, false])
  })
})

describe('the timeout a host deserves', () => {
  const BOUNDS = { floorMs: 100, ceilingMs: 10_000 }
  const after = (samples: number[]) => {
    const latencies = rememberLatencies()
    for (const ms of samples) latencies.add(ms)
    return latencies.timeoutMs(BOUNDS)
  }
  const CASES: [what: string, samples: number[], ms: number][] = [
    ['is the ceiling while too little is known', Array(19).fill(50), 10_000],
    ['is twice what its slowest answers take', Array(200).fill(400), 800],
    ['is no less than the floor', Array(50).fill(5), 100],
    ['is no more than the ceiling', Array(50).fill(9_000), 10_000],
    ['forgets what was long ago', [...Array(200).fill(4_000), ...Array(250).fill(300)], 600],
    ['follows at once when answers become slower', [...Array(100).fill(200), ...Array(3).fill(2_000)], 4_000],
  ]
  for (const [what, samples, ms] of CASES) {
    test(what, () => expect(after(samples)).toBeCloseTo(ms, -1))
  }

  test('grows while everything takes too long, until the ceiling', () => {
    const latencies = rememberLatencies()
    for (let n = 0; n < 100; n++) latencies.add(100)
    const seen: number[] = []
    for (let n = 0; n < 60; n++) {
      const timeoutMs = latencies.timeoutMs(BOUNDS)
      seen.push(timeoutMs)
      latencies.add(timeoutMs)
    }
    expect(seen[0]).toBe(200)
    expect(seen.at(-1)).toBe(10_000)
  })
})
