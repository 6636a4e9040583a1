import { beforeAll, expect, test } from 'vitest'
import { type HistoryQuestion, history, oneCycle } from '#analysis/history.ts'
import { useDatabase } from '#test/database.ts'
import { insertRows, rootRow, startRow, stepRow } from '#test/storage/rows.ts'

const { db } = useDatabase()

const NOW = Date.UTC(2026, 10, 1, 12)
const MINUTE = 60_000

/** Traces are numbered; a running one began, a finished one ended so many seconds before NOW. */
const trace = (number: number) => number.toString(16).padStart(32, '0')
const began = (number: number, secondsAgo: number, different = {}) =>
  startRow(trace(number), NOW - secondsAgo * 1_000, different)
const ended = (number: number, secondsAgo: number, seconds: number) =>
  rootRow(trace(number), NOW - (secondsAgo + seconds) * 1_000, seconds * 1_000)

beforeAll(async () => {
  await insertRows(db, 'otel_logs', [
    began(1, 5),
    began(2, 90),
    began(3, 40, { LogAttributes: { 'cycle.name': 'odds' }, ResourceAttributes: { 'host.name': 'b' } }),
    // Began, and ended since.
    began(11, 70),
    // Killed long ago.
    began(4, 8 * 86_400),
    // By a clock that is ahead.
    began(5, -3_600),
  ])
  await insertRows(db, 'otel_traces', [ended(11, 60, 10), ended(12, 30, 50), ended(13, 600, 25)])
})

const EVERYTHING: HistoryQuestion = {
  name: null,
  range: { from: NOW - 3_600_000, to: NOW },
  buckets: [],
  outcomes: [],
  where: {},
  slowerThanMs: null,
  sort: 'newest',
  limit: 50,
  after: null,
  now: NOW,
}

const numbers = (cycles: { traceId: string }[]) => cycles.map(({ traceId }) => Number.parseInt(traceId, 16))

const lists: { name: string; asked: Partial<HistoryQuestion>; found: number[] }[] = [
  { name: 'newest first', asked: {}, found: [1, 3, 2, 12, 11, 13] },
  { name: 'oldest first', asked: { sort: 'oldest' }, found: [2, 3, 1, 13, 11, 12] },
  { name: 'slowest first', asked: { sort: 'slowest' }, found: [2, 3, 1, 12, 13, 11] },
  { name: 'fastest first', asked: { sort: 'fastest' }, found: [1, 3, 2, 11, 13, 12] },
  { name: 'those that run', asked: { outcomes: ['running'] }, found: [1, 3, 2] },
  { name: 'those that run or were fine', asked: { outcomes: ['running', 'ok'] }, found: [1, 3, 2, 12, 11, 13] },
  { name: 'finished ones alone', asked: { outcomes: ['ok', 'failed'] }, found: [12, 11, 13] },
  { name: 'a bucket, in which nothing is that runs', asked: { buckets: ['slow', 'fast'] }, found: [12, 11] },
  { name: 'a bucket of what runs', asked: { buckets: ['fast'], outcomes: ['running'] }, found: [] },
  { name: 'what took or has run longer', asked: { slowerThanMs: 40_000 }, found: [2, 12] },
  { name: 'what took or has run longer than all time', asked: { slowerThanMs: 1e15 }, found: [] },
  { name: 'one name', asked: { name: 'odds' }, found: [3] },
  { name: 'one host', asked: { where: { 'host.name': 'b' } }, found: [3] },
  { name: 'one trigger', asked: { where: { 'cycle.trigger': 'schedule' } }, found: [1, 2] },
  { name: 'the last minute', asked: { range: { from: NOW - MINUTE, to: NOW } }, found: [1, 3, 12, 11] },
  { name: 'before the last minute', asked: { range: { from: 0, to: NOW - MINUTE } }, found: [2, 13] },
]
test.each(lists)('lists $name, running ones at the head', async ({ asked, found }) => {
  const { cycles, next } = await history(db, { ...EVERYTHING, ...asked })
  expect(numbers(cycles)).toEqual(found)
  expect(next).toBeNull()
})

test.each(['newest', 'oldest', 'slowest', 'fastest'] as const)(
  'gives every cycle once when paged through, %s first, by any size of page',
  async (sort) => {
    const whole = numbers((await history(db, { ...EVERYTHING, sort })).cycles)
    for (const limit of [1, 2, 3, 4, 5, 6]) {
      const seen: number[] = []
      let after: HistoryQuestion['after'] = null
      do {
        const page = await history(db, { ...EVERYTHING, sort, limit, after })
        expect(page.cycles.length).toBeLessThanOrEqual(limit)
        seen.push(...numbers(page.cycles))
        after = page.next
      } while (after !== null)
      expect([limit, ...seen]).toEqual([limit, ...whole])
    }
  },
)

test('continues behind the last row although cycles have begun and ended in between', async () => {
  const query = { ...EVERYTHING, range: { from: NOW - 40 * 86_400_000, to: NOW - 30 * 86_400_000 }, now: query0 }
  await insertRows(
    db,
    'otel_logs',
    [21, 22, 23].map((number) => startRow(trace(number), query0 - number * MINUTE)),
  )
  const page = await history(db, { ...query, limit: 2 })
  expect(numbers(page.cycles)).toEqual([21, 22])
  await insertRows(db, 'otel_logs', [startRow(trace(20), query0 - 20 * MINUTE)])
  await insertRows(db, 'otel_traces', [rootRow(trace(21), query0 - 21 * MINUTE, 1_000)])
  const next = await history(db, { ...query, limit: 2, after: page.next })
  expect(numbers(next.cycles)).toEqual([23, 21])
})
const query0 = NOW - 30 * 86_400_000

test('knows the name of a cycle whose first run has not ended', async () => {
  expect(await history(db, { ...EVERYTHING, name: 'odds', outcomes: ['ok'] })).toEqual({ cycles: [], next: null })
  await expect(history(db, { ...EVERYTHING, name: 'od' })).rejects.toThrow(
    "no cycle is named 'od'; did you mean 'odds'?",
  )
})

test('shows a running cycle with the steps that have arrived, counted from its start', async () => {
  expect(await oneCycle(db, trace(2), NOW)).toMatchObject({
    cycle: { outcome: 'running', durationMs: 90_000 },
    spans: [],
  })
  await insertRows(db, 'otel_traces', [
    stepRow(trace(2), 'bbbbbbbbbbbbbbbb', NOW - 89_750, 250),
    stepRow(trace(2), 'cccccccccccccccc', NOW - 80_000, 10_000),
  ])
  const { spans } = await oneCycle(db, trace(2), NOW)
  expect(spans.map(({ depth, parent, startMs, durationMs }) => [depth, parent, startMs, durationMs])).toEqual([
    [1, 'missing', 250, 250],
    [1, 'missing', 10_000, 10_000],
  ])
})

test('finds a cycle that began long ago and never ended by its trace id', async () => {
  expect((await oneCycle(db, trace(4), NOW)).cycle).toMatchObject({ outcome: 'running', durationMs: 8 * 86_400_000 })
})

test('says of a trace without a start or a root of a cycle what is known of it', async () => {
  await expect(oneCycle(db, 'f'.repeat(32), NOW)).rejects.toThrow(
    `trace ${'f'.repeat(32)} is no cycle: there are no spans`,
  )
  await insertRows(db, 'otel_traces', [stepRow(trace(31), 'bbbbbbbbbbbbbbbb', NOW, 1)])
  await expect(oneCycle(db, trace(31), NOW)).rejects.toThrow('its root span has not arrived yet (1 other spans have)')
})
