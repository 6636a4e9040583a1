import { Registry } from 'prom-client'
import { beforeAll, expect, test } from 'vitest'
import { createApi } from '#api/app.ts'
import type { ErrorBody } from '#api/errors.ts'
import type { HistoryAnswer, LogsAnswer, MetricsAnswer, StatsAnswer, WaterfallAnswer } from '#api/schemas.ts'
import { useDatabase } from '#test/database.ts'
import { insertRows, rootRow, startRow, stepRow } from '#test/storage/rows.ts'

const { db } = useDatabase()
const NOW = Date.UTC(2026, 10, 1, 12)
const registry = new Registry()
const api = createApi({
  db,
  version: '0.0.0',
  hosts: [],
  registry,
  now: () => NOW,
  report: (bug) => console.error(bug),
})

async function ask<Answer>(path: string): Promise<{ status: number; body: Answer }> {
  const answer = await api.request(path)
  return { status: answer.status, body: (await answer.json()) as Answer }
}

const RUNNING = 'a'.repeat(32)
const QUIET = 'b'.repeat(32)
const FINISHED = 'c'.repeat(32)

beforeAll(async () => {
  await insertRows(db, 'otel_logs', [
    startRow(RUNNING, NOW - 30_000),
    startRow(QUIET, NOW - 10_000),
    startRow(FINISHED, NOW - 60_000),
  ])
  await insertRows(db, 'otel_traces', [
    rootRow(FINISHED, NOW - 60_000, 20_000),
    stepRow(RUNNING, 'bbbbbbbbbbbbbbbb', NOW - 29_000, 4_000),
  ])
  await db.run(
    "INSERT INTO otel_metrics_gauge (ServiceName, MetricName, TimeUnix, Value) SELECT 'fetcher', 'strange', toDateTime({at:Int64}), arrayJoin([nan, inf, -inf])",
    { at: NOW / 1_000 - 5 },
  )
})

test('GET /api/cycles has those that run without an end or a bucket', async () => {
  const { body } = await ask<HistoryAnswer>('/api/cycles')
  expect(
    body.items.map(({ traceId, outcome, bucket, endedAt, durationMs }) => [
      traceId[0],
      outcome,
      bucket,
      endedAt,
      durationMs,
    ]),
  ).toEqual([
    ['b', 'running', null, null, 10_000],
    ['a', 'running', null, null, 30_000],
    ['c', 'ok', 'fast', '2026-11-01T11:59:20.000Z', 20_000],
  ])
})

test('GET /api/cycles pages from those that run to the finished ones', async () => {
  const seen: (string | undefined)[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body }: { body: HistoryAnswer } = await ask(
      `/api/cycles?limit=1&sort=slowest${cursor && `&cursor=${cursor}`}`,
    )
    seen.push(body.items.map(({ traceId }) => traceId[0]).join())
    cursor = body.cursor
  }
  expect(seen).toEqual(['a', 'b', 'c'])
})

test.each([
  ['outcome=running', 'ba'],
  ['outcome=running&outcome=ok', 'bac'],
  ['outcome=ok', 'c'],
  ['bucket=fast', 'c'],
  ['slowerThan=15s', 'ac'],
  ['slowerThan=15s&outcome=running', 'a'],
  ['window=20s', 'b'],
])('GET /api/cycles?%s', async (query, found) => {
  const { body } = await ask<HistoryAnswer>(`/api/cycles?${query}`)
  expect(body.items.map(({ traceId }) => traceId[0]).join('')).toBe(found)
})

test('GET /api/stats is of finished cycles alone', async () => {
  const { body } = await ask<StatsAnswer>('/api/stats')
  expect(body.items).toMatchObject([{ cycle: 'coins', windows: [{ count: 1, p50Ms: 20_000 }] }])
})

test.each([
  [RUNNING, 1],
  [QUIET, 0],
])('GET /api/cycles/%s of a running cycle has the %i spans that have arrived', async (traceId, spans) => {
  const { status, body } = await ask<WaterfallAnswer>(`/api/cycles/${traceId}`)
  expect(status).toBe(200)
  expect(body.cycle).toMatchObject({ outcome: 'running', endedAt: null, bucket: null })
  expect(body.spans).toHaveLength(spans)
})

test('GET /api/cycles/:traceId/logs of a running cycle begins with its start', async () => {
  const { body } = await ask<LogsAnswer>(`/api/cycles/${RUNNING.toUpperCase()}/logs`)
  expect(body).toMatchObject({
    items: [{ event: 'cycle.started', atMs: 0, related: 'trace' }],
    cursor: null,
    truncated: false,
  })
})

test('GET /api/cycles/:traceId/metrics leaves out what is no number', async () => {
  const { body } = await ask<MetricsAnswer>(`/api/cycles/${RUNNING}/metrics`)
  expect(body.items.map(({ name }) => name)).not.toContain('strange')
})

const refused = [
  {
    path: `/api/cycles/${FINISHED}/logs?limit=0`,
    status: 400,
    says: "limit: '0' is not a whole number from 1 to 10000",
  },
  {
    path: `/api/cycles/${FINISHED}/metrics?limt=1`,
    status: 400,
    says: "there is no parameter 'limt'; did you mean 'limit'?",
  },
  { path: '/api/cycles/123/logs', status: 400, says: "'123' is no trace id" },
  { path: `/api/cycles/${'f'.repeat(32)}/logs`, status: 404, says: 'is no cycle: there are no spans of it' },
  { path: `/api/cycles/${'f'.repeat(32)}/metrics`, status: 404, says: 'is no cycle: there are no spans of it' },
  { path: '/api/cycles?outcome=runing', status: 400, says: "did you mean 'running'?" },
]
test.each(refused)('GET $path is answered with $status', async ({ path, status, says }) => {
  const answer = await ask<ErrorBody>(path)
  expect(answer.status).toBe(status)
  expect(answer.body.error.message).toContain(says)
})
