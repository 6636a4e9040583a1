// Everything that section 6 of the design lists, sent by a job and looked for in ClickHouse behind a real gateway.

import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import * as tls from 'node:tls'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cycle, startTelemetry, type Telemetry } from '#collector/collector.ts'
import { logIn } from '#collector/telemetry/events.ts'
import { observePool } from '#collector/telemetry/observed.ts'
import { progressIn } from '#collector/telemetry/progress.ts'
import { addCost, flagIn } from '#collector/telemetry/worth.ts'
import { CERTIFICATE, KEY } from '#test/certificate.ts'
import { inCycle } from '#test/collector/telemetry/telling.ts'
import { newFolder } from '#test/e2e/processes.ts'
import { cyclesOf, select, stop, type Up, up } from '#test/e2e/running.ts'

let running: Up
let telemetry: Telemetry
const trusted = tls.getCACertificates('default')
const upstream = createServer({ key: KEY, cert: CERTIFICATE }, (request, response) => {
  request.resume()
  if (request.url === '/moved') response.writeHead(302, { location: '/page' }).end()
  else response.setHeader('content-encoding', 'gzip').end(gzipSync('0123456789'.repeat(100)))
})

beforeAll(async () => {
  tls.setDefaultCACertificates([CERTIFICATE])
  await once(upstream.listen(0), 'listening')
  running = await up(newFolder())
  telemetry = startTelemetry({
    service: 'arrival',
    version: '2.0.0',
    revision: 'ab12cd',
    environment: 'staging',
    endpoint: running.ingest,
    attributes: { 'vcs.ref.head.name': 'main' },
  })
  const stopPool = observePool('upstream', () => ({ used: 1, idle: 2, pending: 3, max: 4 }))
  observePool('prices', () => ({ used: 1, idle: 2, pending: 3, max: 4 }), { kind: 'db' })
  await cycle('prices', work, { trigger: 'manual' })
  await inCycle('telling', async (ongoing) => {
    addCost(ongoing, 0.005)
    flagIn(ongoing, (key, value) => void ongoing.span.setAttribute(key, value as string), 'parser', 'new')
    logIn(ongoing, 'warn', 'page 3 is empty', { page: 3 })
    progressIn(ongoing, 1, 2)
  })
  await telemetry.flush()
  stopPool()
})
afterAll(async () => {
  await telemetry.shutdown()
  await stop(running)
  tls.setDefaultCACertificates(trusted)
  upstream.closeAllConnections()
  upstream.close()
})

async function work(run: Parameters<Parameters<typeof cycle>[1]>[0]): Promise<void> {
  const url = `https://localhost:${(upstream.address() as AddressInfo).port}`
  await run.fetch(`${url}/page?api_key=geheim`, { template: '/page' })
  await run.fetch(`${url}/moved`, { method: 'POST', body: 'twelve bytes' })
  await run.step('look up', 'cache', (step) => step.hit())
  await run.step('look up', 'cache', (step) => step.miss())
  await run.step('think', 'compute', () => {})
  for (const reason of ['backoff', 'rate_limit', 'queue', 'breaker'] as const) {
    await run.step('hold', 'wait', () => sleep(2), { reason })
  }
  await run.step('INSERT prices', 'db', (step) => {
    step.set('db.system.name', 'sqlite')
    step.set('db.query.summary', 'INSERT prices')
    step.set('db.operation.batch.size', 100)
    step.set('db.response.returned_rows', 0)
  })
  run.items(5)
  run.expect(6)
  run.set('cycle.items.failed', 1)
}

const RESOURCE = {
  'service.name': 'arrival',
  'service.version': '2.0.0',
  'vcs.ref.head.revision': 'ab12cd',
  'vcs.ref.head.name': 'main',
  'deployment.environment.name': 'staging',
  'host.name': expect.stringMatching(/./),
}

const NUMBER = /^\d+(\.\d+)?$/
const ROOT: Record<string, string | RegExp> = {
  'cycle.name': 'prices',
  'cycle.outcome': 'ok',
  'cycle.items': '5',
  'cycle.items.expected': '6',
  'cycle.items.failed': '1',
  'cycle.trigger': 'manual',
  'cycle.calls': '3',
  'cycle.retries': '0',
  'cycle.queries': '1',
  'cycle.db_ms': NUMBER,
  'cycle.wait_ms': NUMBER,
  'cycle.cache.hits': '1',
  'cycle.cache.misses': '1',
  'cycle.bytes.received': NUMBER,
  'cycle.bytes.sent': '12',
  'cycle.concurrency.mean': NUMBER,
  'cycle.cpu_ms': NUMBER,
  'cycle.memory.peak_bytes': NUMBER,
  'cycle.memory.peak_share': /^0\.\d+$/,
  'cycle.eventloop.delay_max_ms': NUMBER,
  'cycle.eventloop.delay_mean_ms': NUMBER,
  'cycle.sockets.peak': /^[1-9]\d*$/,
}

test('stores every attribute of the resource and the root', async () => {
  const [root] = (await cyclesOf(running)).filter(({ cycle: name }) => name === 'prices')
  for (const [key, value] of Object.entries(ROOT)) expect(root?.attributes[key], key).toMatch(value)
  const [stored] = await select<{ resource: object }>(
    running,
    `SELECT ResourceAttributes AS resource FROM otel_traces WHERE SpanName = 'prices'`,
  )
  expect(stored?.resource).toMatchObject(RESOURCE)
})

test('stores cost and flags of a cycle', async () => {
  const [root] = (await cyclesOf(running)).filter(({ cycle: name }) => name === 'telling')
  expect(root?.attributes).toMatchObject({ 'cycle.cost': '0.005', 'feature_flag.parser': 'new' })
})

type Step = { kind: string; attributes: Record<string, string> }

test('stores every attribute of the steps', async () => {
  const steps = await select<Step>(
    running,
    `SELECT SpanAttributes['step.kind'] AS kind, SpanAttributes AS attributes FROM otel_traces
     WHERE ParentSpanId != '' AND SpanAttributes['cycle.name'] = 'prices' ORDER BY Timestamp`,
  )
  const of = (kind: string) => steps.filter((step) => step.kind === kind).map(({ attributes }) => attributes)
  expect(['fetch', 'cache', 'compute', 'wait', 'db'].map((kind) => of(kind).length)).toEqual([3, 2, 1, 4, 1])
  expect(of('wait').map((wait) => wait['wait.reason'])).toEqual(['backoff', 'rate_limit', 'queue', 'breaker'])
  expect(of('db')[0]).toMatchObject({
    'db.system.name': 'sqlite',
    'db.query.summary': 'INSERT prices',
    'db.operation.batch.size': '100',
    'db.response.returned_rows': '0',
  })
  const [first, , followed] = of('fetch')
  const phases = ['queue', 'dns', 'connect', 'tls', 'ttfb', 'download'].map((phase) => `http.phase.${phase}_ms`)
  for (const phase of phases) expect(first?.[phase], phase).toMatch(NUMBER)
  expect(first).toMatchObject({
    'http.request.method': 'GET',
    'http.response.status_code': '200',
    'url.full': expect.stringMatching(/api_key=REDACTED$/),
    'url.template': '/page',
    'server.address': 'localhost',
    'network.connection.reused': 'false',
    'http.response.body.size': expect.stringMatching(/^\d{2}$/),
    'http.response.decoded_body.size': '1000',
  })
  expect(followed).toMatchObject({ 'http.request.resend_count': '1' })
})

type Line = { event: string; severity: string; body: string; inTrace: number; attributes: Record<string, string> }

test('stores log records, and knows from them that cycles have begun', async () => {
  const lines = await select<Line>(
    running,
    `SELECT EventName AS event, SeverityText AS severity, Body AS body, LogAttributes AS attributes,
       TraceId IN (SELECT TraceId FROM otel_traces WHERE SpanName = 'telling') AS inTrace
     FROM otel_logs WHERE LogAttributes['cycle.name'] = 'telling' ORDER BY Timestamp`,
  )
  expect(lines.every(({ inTrace }) => inTrace === 1)).toBe(true)
  const told = Object.fromEntries(lines.map(({ event, ...line }) => [event, line]))
  expect(told['cycle.started']?.attributes).toMatchObject({ 'cycle.name': 'telling', 'cycle.trigger': 'manual' })
  expect(told['cycle.progress']?.attributes).toMatchObject({ 'cycle.progress.done': '1', 'cycle.progress.total': '2' })
  expect(told['feature_flag.evaluation']?.attributes).toMatchObject({ 'feature_flag.result.value': 'new' })
  expect(told['']).toMatchObject({ severity: 'WARN', body: 'page 3 is empty', attributes: { page: '3' } })
  expect(lines).toHaveLength(4)
  const started = await select<{ CycleName: string }>(running, 'SELECT CycleName FROM cycle_starts ORDER BY CycleName')
  expect(started).toEqual([{ CycleName: 'prices' }, { CycleName: 'telling' }])
})

const METRICS = [
  ['cycle.duration', 's'],
  ['cycle.active', '{cycle}'],
  ['http.client.request.duration', 's'],
  ['process.cpu.time', 's'],
  ['process.cpu.utilization', '1'],
  ['process.memory.usage', 'By'],
  ['process.memory.limit', 'By'],
  ['process.memory.utilization', '1'],
  ['process.open_socket.count', '{socket}'],
  ['nodejs.eventloop.utilization', '1'],
  ...['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'].map((name) => [`nodejs.eventloop.delay.${name}`, 's']),
  ['pool.count', '{item}'],
  ['pool.max', '{item}'],
  ['pool.pending', '{item}'],
  ['db.client.connection.count', '{connection}'],
  ['db.client.connection.max', '{connection}'],
  ['db.client.connection.pending_requests', '{connection}'],
]

test('stores every metric', async () => {
  const stored = await select<{ name: string; unit: string }>(
    running,
    `SELECT DISTINCT MetricName AS name, MetricUnit AS unit FROM (
       SELECT MetricName, MetricUnit, ServiceName FROM otel_metrics_gauge
       UNION ALL SELECT MetricName, MetricUnit, ServiceName FROM otel_metrics_sum
       UNION ALL SELECT MetricName, MetricUnit, ServiceName FROM otel_metrics_histogram)
     WHERE ServiceName = 'arrival'`,
  )
  const names = stored.map(({ name, unit }) => `${name} in ${unit}`)
  expect(names).toEqual(expect.arrayContaining(METRICS.map(([name, unit]) => `${name} in ${unit}`)))
})

test('stores the histograms with their bounds and labels', async () => {
  const histograms = await select<{ labels: object; bounds: number[]; count: string }>(
    running,
    `SELECT Attributes AS labels, ExplicitBounds AS bounds, Count AS count FROM otel_metrics_histogram
     WHERE ServiceName = 'arrival' AND MetricName = 'cycle.duration' AND Attributes['cycle.name'] = 'prices'`,
  )
  expect(histograms[0]).toMatchObject({ bounds: [20, 30, 60], labels: { 'cycle.outcome': 'ok' } })
  expect(Number(histograms[0]?.count)).toBe(1)
})

test('stores no secret', async () => {
  const [found] = await select<{ secrets: string }>(
    running,
    `SELECT countIf(text LIKE '%geheim%') AS secrets FROM (
       SELECT toString((SpanAttributes, SpanName)) AS text FROM otel_traces
       UNION ALL SELECT toString((LogAttributes, Body)) FROM otel_logs
       UNION ALL SELECT toString(Attributes) FROM otel_metrics_histogram)`,
  )
  expect(Number(found?.secrets)).toBe(0)
})
