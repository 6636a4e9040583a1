import { expect, test } from 'vitest'
import { restAfter, type Situation, whatIsDue } from '#ingest/spool/pace.ts'

const calm: Situation = {
  signal: 'traces',
  queued: [],
  open: false,
  retried: false,
  sending: 0,
  lastStart: -5_000,
  restUntil: 0,
  finishing: false,
}

test.each<[string, Partial<Situation>, string]>([
  ['waits when there is nothing', {}, 'later Infinity'],
  ['sends what is being written at once after a quiet second', { open: true }, 'open'],
  ['waits out the second since the last start', { open: true, lastStart: 9_400 }, 'later 400'],
  [
    'sends small ones that were left before what is being written',
    { open: true, queued: ['small', 'small'] },
    'queued 0',
  ],
  ['sends small ones a pace apart, too', { queued: ['small', 'small'], lastStart: 9_999 }, 'later 999'],
  ['lets metrics wait longer', { open: true, signal: 'metrics', lastStart: 9_000 }, 'later 4000'],
  ['tries what failed again', { open: true, queued: ['failed', 'failed'] }, 'queued 0'],
  ['sends others before what failed', { queued: ['failed', 'small'] }, 'queued 1'],
  ['lets what grows have its turn after what failed', { open: true, queued: ['failed'], retried: true }, 'open'],
  [
    'leaves no more small ones when many have failed',
    { open: true, queued: Array(8).fill('failed'), retried: true },
    'queued 0',
  ],
  ['sends small ones one at a time', { open: true, queued: ['small'], sending: 1 }, 'later Infinity'],
  ['sends a full one without waiting', { queued: ['small', 'full'], lastStart: 10_000, sending: 1 }, 'queued 1'],
  ['rests after a failure, full or not', { queued: ['full'], restUntil: 10_250 }, 'later 250'],
  [
    'sends what is left without a pace when it has to finish',
    { open: true, lastStart: 10_000, finishing: true },
    'open',
  ],
])('%s', (_, situation, expected) => {
  const due = whatIsDue({ ...calm, ...situation }, 10_000)
  const words = due.due === 'later' ? `later ${due.ms}` : due.due === 'queued' ? `queued ${due.index}` : 'open'
  expect(words).toBe(expected)
})

test('rests longer after each failure, up to five seconds, and never less than half of that', () => {
  expect([1, 2, 3, 4, 5, 6, 60].map((failures) => restAfter(failures, 1))).toEqual([
    250, 500, 1000, 2000, 4000, 5000, 5000,
  ])
  expect([1, 6].map((failures) => restAfter(failures, 0))).toEqual([125, 2500])
})
