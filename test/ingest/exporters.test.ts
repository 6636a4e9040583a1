// The exporters that most senders have, with their own retry, against a gateway that is full at first.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Registry } from 'prom-client'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { type Running, startServer } from '#api/server.ts'
import type { IngestEvent } from '#ingest/events.ts'
import { type Gateway, openGateway } from '#ingest/gateway.ts'
import { insertBodies } from '#storage/inserts.ts'
import { useDatabase } from '#test/database.ts'

const { db, select } = useDatabase()
const folder = mkdtempSync(join(tmpdir(), 'cyclewatch-exporters-'))
afterAll(() => rmSync(folder, { recursive: true }))

const PROGRAM = fileURLToPath(import.meta.resolve('#test/ingest/exporting.ts'))
const LISTEN = { host: '127.0.0.1', port: 0 }

function open(name: string, limitBytes: number, told: IngestEvent[]): Promise<Gateway> {
  return openGateway({
    ...{ folder: join(folder, name), limitBytes, tokens: [], maxBodyBytes: 1e6, bytesPerSecond: null },
    insert: (of, bodies) => insertBodies(db, of, bodies),
    tell: (event) => told.push(event),
    onError: (error) => expect.fail(String(error)),
    registry: new Registry(),
  })
}

/** The first request of each signal comes to a gateway whose spool is full, all others to one with room. */
async function listen(name: string, told: IngestEvent[]): Promise<Running> {
  const full = await open(`${name}-full`, 1, told)
  const roomy = await open(name, 1e8, told)
  const seen = new Set<string>()
  const server = await startServer({
    listen: LISTEN,
    option: 'the port',
    fetch(request, env) {
      const { pathname } = new URL(request.url)
      if (seen.has(pathname)) return roomy.fetch(request, env)
      seen.add(pathname)
      return full.fetch(request, env)
    },
  })
  onTestFinished(async () => {
    await server.stop()
    await full.close()
    await roomy.close()
  })
  return server
}

/** How the requests of a signal were answered. */
function statuses(told: IngestEvent[], signal: string): number[] {
  return told.flatMap((event) => (event.kind === 'answered' && event.signal === signal ? [event.status] : []))
}

test.concurrent.each([
  ['http/json', 'json'],
  ['http/protobuf', 'protobuf'],
])('stores once what the %s exporters send again after a 503', async (protocol, name) => {
  const told: IngestEvent[] = []
  const server = await listen(name, told)
  const env = {
    ...{ OTEL_EXPORTER_OTLP_ENDPOINT: server.url, OTEL_EXPORTER_OTLP_PROTOCOL: protocol },
    ...{ OTEL_TRACES_EXPORTER: 'otlp', OTEL_METRICS_EXPORTER: 'otlp', OTEL_LOGS_EXPORTER: 'otlp' },
  }
  const argv = ['--disable-warning=ExperimentalWarning', PROGRAM, name]
  expect(await promisify(execFile)(process.execPath, argv, { env })).toEqual({ stdout: '', stderr: '' })
  for (const signal of ['traces', 'metrics', 'logs'])
    expect([signal, statuses(told, signal)]).toEqual([signal, [503, 200]])

  const stored = () => told.filter(({ kind }) => kind === 'inserted').map(({ signal }) => signal)
  await vi.waitFor(() => expect(stored().sort()).toEqual(['logs', 'metrics', 'traces']), { timeout: 15_000 })
  const of = `WHERE ServiceName = '${name}'`
  expect(
    await select(`SELECT toUInt32(count()) AS spans, toUInt32(uniqExact(SpanId)) AS ids,
      groupUniqArray(SpanAttributes['list']) AS lists FROM otel_traces ${of}`),
  ).toEqual([{ spans: 20, ids: 20, lists: ['["a","b"]'] }])
  expect(
    await select(`SELECT toUInt32(count()) AS records, toUInt32(uniqExact(SpanId)) AS ids, any(EventName) AS event,
      groupUniqArray(Body = concat('{"number":', LogAttributes['number'], ',"text":"told"}')) AS same
      FROM otel_logs ${of}`),
  ).toEqual([{ records: 20, ids: 20, event: 'told', same: [1] }])
  expect(await select(`SELECT Value FROM otel_metrics_sum ${of} AND MetricName = 'things'`)).toEqual([{ Value: 7 }])
  expect(await select(`SELECT Value FROM otel_metrics_gauge ${of} AND MetricName = 'level'`)).toEqual([{ Value: -3 }])
  expect(
    await select(`SELECT toUInt32(Count) AS count, Sum FROM otel_metrics_histogram ${of} AND MetricName = 'sizes'`),
  ).toEqual([{ count: 1, Sum: 12.5 }])
})
