import fc from 'fast-check'
import { expect, test } from 'vitest'
import { charged, debtMs, rateLimit, retryAfterSeconds } from '#ingest/rate.ts'
import { Unavailable } from '#model/errors.ts'

const RATE = 1_000

/** Sends bodies, one as soon as `at`; one letter for each: S sent, R refused. */
function play(bodies: { at: number; bytes: number }[]): string {
  const limit = rateLimit(RATE)
  return bodies
    .map(({ at, bytes }) => {
      try {
        limit.check('me', at)
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error
        return 'R'
      }
      limit.charge('me', bytes, at)
      return 'S'
    })
    .join('')
}

const cases = [
  { name: 'lets a steady sender within its rate pass', bodies: every(500, 500, 8), seen: 'SSSSSSSS' },
  { name: 'lets a burst of one second pass and refuses what follows', bodies: every(0, 500, 5), seen: 'SSSRR' },
  {
    name: 'lets every second body of a sender at twice its rate pass',
    bodies: every(500, 1_000, 10),
    seen: 'SSSRSRSRSR',
  },
  {
    name: 'takes a body of five seconds at once and has it paid off',
    bodies: [0, 1, 3_999, 4_000, 4_001].map((at) => ({ at, bytes: 5_000 })),
    seen: 'SRRSR',
  },
  {
    name: 'lets nobody save up more than one second',
    bodies: [0, 60_000, 60_000, 60_000].map((at) => ({ at, bytes: 1_000 })),
    seen: 'SSSR',
  },
]

function every(ms: number, bytes: number, times: number) {
  return Array.from({ length: times }, (_, index) => ({ at: index * ms, bytes }))
}

for (const { name, bodies, seen } of cases) test(name, () => expect(play(bodies)).toBe(seen))

test('never lets more through than the rate, one second and one body, however they are sent', () => {
  const body = fc.record({ wait: fc.nat(3_000), bytes: fc.nat(5_000) })
  fc.assert(
    fc.property(fc.array(body, { maxLength: 60 }), (bodies) => {
      let [now, sent] = [0, 0]
      let paidAt = 0
      for (const { wait, bytes } of bodies) {
        now += wait
        if (debtMs(paidAt, now) > 0) continue
        paidAt = charged(paidAt, now, bytes, RATE)
        sent += bytes
        expect(sent).toBeLessThanOrEqual(((now + 1_000) / 1_000) * RATE + 5_000 + 0.001)
      }
    }),
  )
})

test('keeps the accounts of senders apart', () => {
  const limit = rateLimit(RATE)
  limit.charge('noisy', 1_000_000, 0)
  expect(() => limit.check('noisy', 1)).toThrow(Unavailable)
  limit.check('quiet', 1)
})

test('tells when to come back, shortly enough for exporters', () => {
  expect([1, 999, 1_001, 2_500, 3_600_000].map(retryAfterSeconds)).toEqual([1, 1, 2, 3, 3])
  const limit = rateLimit(RATE)
  limit.charge('me', 3_500, 0)
  expect(() => limit.check('me', 1_000)).toThrow(
    expect.objectContaining({
      code: 'too_many',
      retryAfterSeconds: 2,
      message: 'more than 1 kB a second were sent (ingest.bytesPerSecond)',
    }),
  )
})

test('limits nothing when there is no limit', () => {
  const limit = rateLimit(null)
  limit.charge('me', 1e15, 0)
  limit.check('me', 0)
})

test('goes on right when very many senders come by', () => {
  const limit = rateLimit(RATE)
  limit.charge('noisy', 1_000_000, 0)
  for (let index = 0; index < 20_000; index += 1) limit.charge(`passer-by ${index}`, 1, index)
  expect(() => limit.check('noisy', 20_000)).toThrow(Unavailable)
  limit.check('passer-by 19999', 20_000)
})
