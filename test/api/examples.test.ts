import { randomUUID } from 'node:crypto'
import { Registry } from 'prom-client'
import { beforeAll, expect, test } from 'vitest'
import { createApi } from '#api/app.ts'
import { useDatabase } from '#test/database.ts'
import { span, traces } from '#test/ingest/otlp.ts'
import { insertTraces } from '#test/storage/insert.ts'
import { insertRows, startRow } from '#test/storage/rows.ts'

const { db } = useDatabase()
const NOW = Date.UTC(2026, 10, 1, 9)
const api = createApi({
  db,
  version: '0.0.0',
  registry: new Registry(),
  hosts: [],
  now: () => NOW,
  report: (bug) => console.error(bug),
})

const START = BigInt(Date.UTC(2026, 10, 1, 8)) * 1_000_000n
const at = (ms: number) => START + BigInt(Math.round(ms * 1e6))

beforeAll(async () => {
  const own = { 'cycle.name': 'coin-fetcher' }
  const child = (spanId: string, name: string, from: number, to: number, attributes: Record<string, string | bigint>) =>
    span({
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      spanId,
      parentSpanId: '00f067aa0ba902b7',
      name,
      kind: attributes['step.kind'] === 'fetch' ? 3 : 1,
      startNano: at(from),
      endNano: at(to),
      attributes: { ...own, ...attributes },
    })
  const root = span({
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: '00f067aa0ba902b7',
    name: 'coin-fetcher',
    kind: 1,
    startNano: START,
    endNano: at(16_840),
    attributes: { ...own, 'cycle.outcome': 'ok', 'cycle.calls': 1n, 'cycle.items': 250n },
    events: [],
  })
  const http = { 'http.request.method': 'GET', 'server.address': 'api.example', 'http.response.status_code': 200n }
  await insertTraces(
    db,
    traces([
      {
        resource: { 'service.name': 'lcw-fetcher', 'service.version': '1.4.0' },
        spans: [
          root,
          child('b7ad6b7169203331', 'GET /coins', 12, 16_200, { 'step.kind': 'fetch', ...http }),
          child('b7ad6b7169203332', 'write coins', 16_210, 16_830, { 'step.kind': 'db', 'db.system.name': 'sqlite' }),
        ],
      },
    ]),
    'protobuf',
    randomUUID(),
  )
})

// What was next to it, and a cycle that still runs.
beforeAll(async () => {
  const resource = { 'service.name': 'lcw-fetcher', 'service.version': '1.4.0' }
  const here = { ServiceName: 'lcw-fetcher', ResourceAttributes: resource }
  const instant = (ms: number) => new Date(Date.UTC(2026, 10, 1, 8) + ms).toISOString()
  const begun = { 'cycle.name': 'coin-fetcher', 'cycle.trigger': 'schedule' }
  const own = { ...here, TraceId: '4bf92f3577b34da6a3ce929d0e0e4736', SpanId: '00f067aa0ba902b7', SeverityText: 'INFO' }
  const running = startRow('7bd2a91f0c4e4d1f8a35c9e7d2b60f14', NOW - 12_000)
  await insertRows(db, 'otel_logs', [
    { ...own, Timestamp: '2026-11-01T08:00:00.000250Z', EventName: 'cycle.started', LogAttributes: begun },
    { ...here, Timestamp: instant(9_500), SeverityNumber: 13, Body: 'the garbage collector paused for 210 ms' },
    { ...own, Timestamp: instant(16_830), Body: 'stored 250 coins', LogAttributes: { coins: '250' } },
    { ...running, ...here, LogAttributes: begun },
  ])
  const points = (MetricName: string, MetricUnit: string, ...values: object[]) =>
    values.map((value, index) => ({
      ...here,
      MetricName,
      MetricUnit,
      TimeUnix: instant(5_000 + 10_000 * index),
      ...value,
    }))
  const cumulative = { StartTimeUnix: instant(-3_600_000), AggregationTemporality: 2 }
  await insertRows(
    db,
    'otel_metrics_gauge',
    points('process.memory.usage', 'By', { Value: 120_000_000 }, { Value: 132_000_000 }),
  )
  const user = { ...cumulative, IsMonotonic: true, Attributes: { 'cpu.mode': 'user' } }
  await insertRows(
    db,
    'otel_metrics_sum',
    points('process.cpu.time', 's', { ...user, Value: 41.5 }, { ...user, Value: 44 }),
  )
  const api = { ...cumulative, Attributes: { 'server.address': 'api.example' } }
  const calls = [
    { ...api, Count: 96, Sum: 200 },
    { ...api, Count: 100, Sum: 215.5 },
  ]
  await insertRows(db, 'otel_metrics_histogram', points('http.client.request.duration', 's', ...calls))
})

type Operation = {
  responses: Record<string, { content?: { 'application/json': { example?: unknown } } }>
}

const REQUESTS: Record<string, string> = {
  '/healthz': '/healthz',
  '/readyz': '/readyz',
  '/api/stats': '/api/stats?name=coin-fetcher',
  '/api/cycles': '/api/cycles',
  '/api/cycles/{traceId}': '/api/cycles/4bf92f3577b34da6a3ce929d0e0e4736',
  '/api/cycles/{traceId}/logs': '/api/cycles/4bf92f3577b34da6a3ce929d0e0e4736/logs',
  '/api/cycles/{traceId}/metrics': '/api/cycles/4bf92f3577b34da6a3ce929d0e0e4736/metrics',
}

test('carries for every route the example that the route really answers', async () => {
  const document = (await (await api.request('/api/openapi.json')).json()) as {
    paths: Record<string, Record<string, Operation>>
  }
  expect(Object.keys(document.paths).sort()).toEqual(Object.keys(REQUESTS).sort())
  for (const [path, operations] of Object.entries(document.paths)) {
    const answer = await api.request(REQUESTS[path] as string)
    expect(answer.status, path).toBe(200)
    const example = operations.get?.responses['200']?.content?.['application/json'].example
    expect(await answer.json(), path).toEqual(example)
  }
})
