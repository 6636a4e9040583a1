import { createClient } from '@clickhouse/client'
import { afterAll, expect, test } from 'vitest'
import { queryText } from '#storage/client.ts'
import { useDatabase } from '#test/database.ts'

const { db, server, name: database } = useDatabase()
const client = createClient({ url: server.url, username: server.user, password: server.password, database })
afterAll(() => client.close())

/** The indexes ClickHouse says it uses for a query file, with their keys, e.g. `PrimaryKey(CycleName,EndTime)`. */
async function indexesOf(name: string, parameters: Record<string, unknown>): Promise<string[]> {
  await db.run(
    `INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, ServiceName, SpanAttributes, Duration)
     SELECT toDateTime64('2026-01-01 00:00:00', 9, 'UTC') + number, lower(hex(MD5(toString(number)))), 'aaaaaaaaaaaaaaaa', 'x', 's',
            map('cycle.name', concat('job-', toString(number % 4))), 1 FROM numbers(50000)`,
  )
  await db.run(
    `INSERT INTO otel_logs (Timestamp, TraceId, ServiceName, EventName, LogAttributes)
     SELECT toDateTime64('2026-01-01 00:00:00', 9, 'UTC') + number, lower(hex(MD5(toString(number)))), 's', 'cycle.started',
            map('cycle.name', 'job') FROM numbers(50000)`,
  )
  await db.run(
    `INSERT INTO otel_metrics_gauge (TimeUnix, ServiceName, MetricName, Value)
     SELECT toDateTime('2026-01-01 00:00:00', 'UTC') + number, 's', 'm', 1 FROM numbers(50000)`,
  )
  const result = await client.query({
    query: `EXPLAIN indexes = 1, json = 1 ${queryText(name)}`,
    query_params: parameters,
    format: 'TabSeparatedRaw',
  })
  const found: string[] = []
  const visit = (node: unknown): void => {
    if (node === null || typeof node !== 'object') return
    const { Indexes: indexes } = node as {
      Indexes?: { Type: string; Name?: string; Keys?: string[]; Condition?: string }[]
    }
    for (const { Type, Name, Keys, Condition } of indexes ?? []) {
      if (Condition !== 'true') found.push(`${Type}(${Name ?? Keys?.join()})`)
    }
    for (const inner of Object.values(node)) visit(inner)
  }
  visit(JSON.parse(await result.text()))
  return found
}

const RANGE = { from: 1_767_225_600_000, to: 1_767_229_200_000 }
const TRACE = { traceId: 'cfcd208495d565ef66e7dff9f98764da' }
const NO_FILTER = { keys: [], values: [] }
const NEAR = { ...RANGE, ...NO_FILTER, service: 's', limit: 10 }
const cases = [
  {
    query: 'stats',
    parameters: {
      ...RANGE,
      ...NO_FILTER,
      name: 'job-1',
      by: '',
      length: 3_600_000,
      step: 3_600_000,
      windows: 1,
      limit: 10,
    },
    uses: ['Partition(toYYYYMM(EndTime))', 'PrimaryKey(CycleName,EndTime)'],
  },
  {
    query: 'cycles',
    parameters: {
      ...RANGE,
      ...NO_FILTER,
      name: 'job-1',
      buckets: [],
      outcomes: [],
      slowerThan: -1,
      sort: 'newest',
      limit: 5,
      afterPlace: 0,
      afterTrace: '',
    },
    uses: ['Partition(toYYYYMM(EndTime))', 'PrimaryKey(CycleName,EndTime)'],
  },
  { query: 'cycle', parameters: TRACE, uses: ['Skip(idx_trace_id)'] },
  {
    query: 'trace_spans',
    parameters: { ...TRACE, limit: 10 },
    uses: ['Min-Max(Timestamp)', 'Skip(idx_trace_id)'],
  },
  {
    query: 'running',
    parameters: {
      ...RANGE,
      ...NO_FILTER,
      name: '',
      sort: 'newest',
      limit: 5,
      afterPlace: 0,
      afterTrace: '',
      now: RANGE.to,
    },
    uses: ['Partition(toYYYYMM(Timestamp))', 'PrimaryKey(Timestamp,TraceId)'],
  },
  { query: 'running_cycle', parameters: { ...TRACE, now: RANGE.to }, uses: ['Skip(idx_trace_id)'] },
  {
    query: 'cycle_logs',
    parameters: { ...NEAR, ...TRACE },
    uses: [
      'Skip(idx_trace_id)',
      'Partition(toDate(Timestamp))',
      'PrimaryKey(toStartOfFiveMinutes(Timestamp),ServiceName,Timestamp)',
    ],
  },
  {
    query: 'cycle_metrics',
    parameters: { ...NEAR, padding: 60_000 },
    uses: ['Partition(toDate(TimeUnix))', 'PrimaryKey(ServiceName,TimeUnix)', 'Skip(idx_time_minmax)'],
  },
]

test.each(cases)('$query relies on $uses', async ({ query, parameters, uses }) => {
  expect(await indexesOf(query, parameters)).toEqual(expect.arrayContaining(uses))
})
