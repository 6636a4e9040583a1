import fc from 'fast-check'
import { expect, test } from 'vitest'
import { phasesOf, type Timeline } from '#collector/fetch/phases.ts'

const cases: [what: string, timeline: Timeline, phases: ReturnType<typeof phasesOf>][] = [
  [
    'tells all six when a new connection is opened with TLS',
    {
      calledAt: 0,
      opening: { begunAt: 1, lookedUpAt: 3, connectedAt: 6, securedAt: 10 },
      sentAt: 11,
      headersAt: 31,
      endedAt: 36,
    },
    { queue: 2, dns: 2, connect: 3, tls: 4, ttfb: 20, download: 5 },
  ],
  [
    'tells no opening when the connection is reused',
    { calledAt: 10, sentAt: 12, headersAt: 20, endedAt: 21 },
    { queue: 2, ttfb: 8, download: 1 },
  ],
  [
    'tells no tls without one',
    { calledAt: 0, opening: { begunAt: 0, lookedUpAt: 0, connectedAt: 2 }, sentAt: 2, headersAt: 4, endedAt: 4 },
    { queue: 0, dns: 0, connect: 2, ttfb: 2, download: 0 },
  ],
  [
    'counts only its own part of an opening begun for another attempt',
    { calledAt: 5, opening: { begunAt: 0, lookedUpAt: 4, connectedAt: 8 }, sentAt: 9, headersAt: 10, endedAt: 11 },
    { queue: 1, dns: 0, connect: 3, ttfb: 1, download: 1 },
  ],
  ['ends in dns when the host is unknown', { calledAt: 0, opening: { begunAt: 1 }, endedAt: 9 }, { queue: 1, dns: 8 }],
  [
    'ends in connect when nobody listens',
    { calledAt: 0, opening: { begunAt: 1, lookedUpAt: 4 }, endedAt: 9 },
    { queue: 1, dns: 3, connect: 5 },
  ],
  [
    'ends in tls when the certificate is refused',
    { calledAt: 0, opening: { begunAt: 1, lookedUpAt: 1, connectedAt: 3 }, endedAt: 9 },
    { queue: 1, dns: 0, connect: 2, tls: 6 },
  ],
  ['ends in ttfb when no answer comes', { calledAt: 0, sentAt: 2, endedAt: 9 }, { queue: 2, ttfb: 7 }],
  ['ends in queue when it never got a connection', { calledAt: 0, endedAt: 7 }, { queue: 7 }],
]

for (const [what, timeline, phases] of cases) test(what, () => expect(phasesOf(timeline)).toEqual(phases))

test('never tells a negative phase and always sums up to the duration', () => {
  const moments = fc.array(fc.double({ min: 0, max: 1_000, noNaN: true }), { minLength: 4, maxLength: 4 })
  const opening = fc.option(fc.array(fc.double({ min: -50, max: 1_050, noNaN: true }), { minLength: 4, maxLength: 4 }))
  fc.assert(
    fc.property(moments, opening, (unsorted, stamps) => {
      const [calledAt = 0, sentAt = 0, headersAt = 0, endedAt = 0] = unsorted.toSorted((a, b) => a - b)
      const [begunAt = 0, lookedUpAt = 0, connectedAt = 0, securedAt = 0] = (stamps ?? []).toSorted((a, b) => a - b)
      const timeline: Timeline = { calledAt, sentAt, headersAt, endedAt }
      if (stamps) timeline.opening = { begunAt, lookedUpAt, connectedAt, securedAt }
      const values = Object.values(phasesOf(timeline))
      expect(Math.min(...values)).toBeGreaterThanOrEqual(0)
      expect(values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(endedAt - calledAt, 1)
    }),
  )
})
