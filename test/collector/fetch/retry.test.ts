import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Attempted, decideRetry, isIdempotent, retryAfterMs, type Situation } from '#collector/fetch/retry.ts'

const BACKOFF = { firstMs: 100, longestMs: 1_000 }

function situation(attempted: Attempted, rest: Partial<Situation> = {}): Situation {
  return {
    attempted,
    idempotent: true,
    retries: 3,
    tries: 1,
    timeouts: attempted.state === 'lost' && attempted.code === 'ETIMEDOUT' ? 1 : 0,
    remainingMs: Number.POSITIVE_INFINITY,
    backoff: BACKOFF,
    random: () => 0.5,
    ...rest,
  }
}

const answered = (status: number, retryAfter: number | null = null): Attempted => ({
  state: 'answered',
  status,
  retryAfterMs: retryAfter,
})
const lost = (code: string, sent = true): Attempted => ({ state: 'lost', code, sent })

/** What happened, whether the request may be repeated, and whether it is. */
const CASES: [what: string, attempted: Attempted, idempotent: boolean, retried: boolean][] = [
  ['an answer', answered(200), true, false],
  ['a mistake of ours', answered(404), true, false],
  ['a refusal for good', answered(501), true, false],
  ...[408, 425, 429, 500, 502, 503, 504].map((status) => [`a ${status}`, answered(status), true, true] as const),
  ['a 500 to what must not be done twice', answered(500), false, false],
  ['a 429 to what was not done', answered(429), false, true],
  ['a 503 to what was not done', answered(503), false, true],
  ['a reset', lost('ECONNRESET'), true, true],
  ['a reset after it was sent', lost('ECONNRESET'), false, false],
  ['a refusal before it was sent', lost('ECONNREFUSED', false), false, true],
  ['an unknown name', lost('ENOTFOUND', false), true, true],
  ['half a body', lost('BAD_RESPONSE'), true, true],
  ['a wrong certificate', lost('CERT_HAS_EXPIRED', false), true, false],
  ['a first timeout', lost('ETIMEDOUT'), true, true],
].map((row) => row as [string, Attempted, boolean, boolean])

describe('whether there is another attempt', () => {
  for (const [what, attempted, idempotent, retried] of CASES) {
    test(`${retried ? 'tries again' : 'gives up'} after ${what}${idempotent ? '' : ', when it is not idempotent'}`, () => {
      expect(decideRetry(situation(attempted, { idempotent })).retry).toBe(retried)
    })
  }

  test('gives up after as many as were allowed', () => {
    const tried = [1, 2, 3, 4].map((tries) => decideRetry(situation(answered(500), { tries })).retry)
    expect(tried).toEqual([true, true, true, false])
    expect(decideRetry(situation(answered(500), { retries: 0 })).retry).toBe(false)
  })

  test('tries again after one timeout, not after a second', () => {
    expect(decideRetry(situation(lost('ETIMEDOUT'), { tries: 2, timeouts: 2 })).retry).toBe(false)
    expect(decideRetry(situation(answered(503), { tries: 3, timeouts: 2 })).retry).toBe(true)
  })

  test('gives up when the wait would outlast the budget', () => {
    expect(decideRetry(situation(answered(503, 2_000), { remainingMs: 2_051 })).retry).toBe(true)
    expect(decideRetry(situation(answered(503, 2_000), { remainingMs: 2_050 })).retry).toBe(false)
  })

  test('gives up when a server wants hours', () => {
    expect(decideRetry(situation(answered(429, 7_200_000))).retry).toBe(false)
  })
})

describe('after how long', () => {
  test('draws between nothing and a ceiling that doubles up to the longest', () => {
    const delays = [1, 2, 3, 4, 5, 6].map((tries) => {
      const verdict = decideRetry(situation(answered(500), { tries, retries: 9, random: () => 1 }))
      return verdict.retry && verdict.delayMs
    })
    expect(delays).toEqual([100, 200, 400, 800, 1_000, 1_000])
    expect(decideRetry(situation(answered(500), { random: () => 0 }))).toEqual({ retry: true, delayMs: 0 })
  })

  test('waits at least as long as the server asks for', () => {
    fc.assert(
      fc.property(fc.nat(120_000), fc.double({ min: 0, max: 1, noNaN: true }), (asked, drawn) => {
        const verdict = decideRetry(situation(answered(429, asked), { random: () => drawn }))
        return verdict.retry && verdict.delayMs >= asked && verdict.delayMs <= asked + BACKOFF.firstMs
      }),
    )
  })
})

test('knows which methods may be repeated', () => {
  const methods = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'POST', 'PATCH', 'QUERY']
  expect(methods.filter(isIdempotent)).toEqual(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
})

const NOW = Date.UTC(2026, 10, 22, 12, 0, 0)
const HEADERS: [header: string | string[] | undefined, ms: number | null][] = [
  [undefined, null],
  ['', null],
  ['0', 0],
  ['3', 3_000],
  [' 3 ', 3_000],
  [['5', '9'], 5_000],
  ['Sun, 22 Nov 2026 12:00:07 GMT', 7_000],
  ['Sun, 22 Nov 2026 11:00:00 GMT', 0],
  ['-1', null],
  ['1.5', null],
  ['soon', null],
]

describe('Retry-After', () => {
  for (const [header, ms] of HEADERS) {
    test(`${JSON.stringify(header)} is ${ms === null ? 'nothing' : `${ms} ms`}`, () => {
      expect(retryAfterMs(header, NOW)).toBe(ms)
    })
  }
})
