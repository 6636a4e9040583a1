import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Running, startServer } from '#api/server.ts'
import { check } from '#ingest/check/check.ts'
import type { Checked } from '#ingest/check/checking.ts'
import type { IngestEvent } from '#ingest/events.ts'
import { type Gateway, openGateway } from '#ingest/gateway.ts'
import { BadInput } from '#model/errors.ts'
import { insertBodies } from '#storage/inserts.ts'
import { ENCODINGS, type Encoding, type Signal } from '#storage/signals.ts'
import { useDatabase } from '#test/database.ts'
import { requests, SPAN_ID, span, traces, tracesJson } from '#test/ingest/otlp.ts'
import { logRequests, logs, logsJson } from '#test/ingest/otlp-logs.ts'
import { metrics } from '#test/ingest/otlp-metrics.ts'
import { metricsJson } from '#test/ingest/otlp-metrics-json.ts'
import { metricRequests } from '#test/ingest/otlp-metrics-requests.ts'

const { db, select } = useDatabase()
const folder = mkdtempSync(join(tmpdir(), 'stored-'))
const registry = new Registry()
/** What should never happen: bodies refused, inserts that failed, bugs. */
const troubles: unknown[] = []
let gateway: Gateway
let server: Running

beforeAll(async () => {
  gateway = await openGateway({
    folder,
    limitBytes: 1e9,
    insert: (of, bodies) => insertBodies(db, of, bodies),
    tokens: [],
    maxBodyBytes: 10_000_000,
    bytesPerSecond: null,
    registry,
    tell: (event: IngestEvent) => {
      if (event.kind !== 'answered' && event.kind !== 'inserted') troubles.push(event)
    },
    onError: (error) => troubles.push(error),
  })
  const listen = { host: '127.0.0.1', port: 0 }
  server = await startServer({ listen, option: 'ingest.listen', fetch: gateway.fetch })
})

afterAll(async () => {
  await server.stop()
  await gateway.close()
  rmSync(folder, { recursive: true })
})

const TYPES: Record<Encoding, string> = { protobuf: 'application/x-protobuf', json: 'application/json' }

/** A signal in one encoding: `bodies` are any a sender could send. */
type Way = { signal: Signal; encoding: Encoding; tables: string[]; bodies: fc.Arbitrary<Buffer> }

const METRIC_TABLES = ['gauge', 'sum', 'histogram', 'exponential_histogram', 'summary'].map(
  (kind) => `otel_metrics_${kind}`,
)

const WAYS: Way[] = ENCODINGS.flatMap((encoding): Way[] => {
  const [ofTraces, ofMetrics, ofLogs] =
    encoding === 'protobuf' ? ([traces, metrics, logs] as const) : ([tracesJson, metricsJson, logsJson] as const)
  return [
    { signal: 'traces', encoding, tables: ['otel_traces'], bodies: requests.map((sent) => ofTraces(sent)) },
    { signal: 'metrics', encoding, tables: METRIC_TABLES, bodies: metricRequests.map((sent) => ofMetrics(sent)) },
    { signal: 'logs', encoding, tables: ['otel_logs'], bodies: logRequests.map((sent) => ofLogs(sent)) },
  ]
})

async function post({ signal, encoding }: Pick<Way, 'signal' | 'encoding'>, body: Buffer): Promise<Response> {
  const headers = { 'Content-Type': TYPES[encoding] }
  return fetch(`${server.url}/v1/${signal}`, { method: 'POST', headers, body: new Uint8Array(body) })
}

/** Resolves when everything that was answered is in its tables. */
async function settled(): Promise<void> {
  await expect
    .poll(
      async () => {
        const waiting = await registry.getSingleMetric('cyclewatch_spool_segments')?.get()
        return waiting?.values.reduce((sum, { value }) => sum + value, 0)
      },
      { timeout: 25_000 },
    )
    .toBe(0)
}

async function rowsIn(tables: string[]): Promise<number> {
  const counts = await Promise.all(
    tables.map((table) => select<{ rows: number }>(`SELECT toUInt32(count()) AS rows FROM ${table}`)),
  )
  return counts.flat().reduce((sum, { rows }) => sum + rows, 0)
}

async function empty(tables: string[]): Promise<void> {
  for (const table of tables) await db.run(`TRUNCATE TABLE ${table}`)
}

/** What the checker says of a body, null when it refuses it. */
function verdict({ signal, encoding }: Way, body: Buffer): Checked | null {
  try {
    return check(signal, encoding, Buffer.from(body))
  } catch (error) {
    if (error instanceof BadInput) return null
    throw error
  }
}

/** Some of the bytes replaced: mostly refused, and what is not must be storable. */
const damage = fc.record({
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  cut: fc.integer({ min: 0, max: 3 }),
  put: fc.oneof(
    fc.uint8Array({ maxLength: 2 }).map((some) => Buffer.from(some)),
    fc.constantFrom('null', '1e3', '\\ud83d', '"', ',', '{}', '9'.repeat(30)).map((text) => Buffer.from(text)),
  ),
})

function damaged(bodies: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return fc.tuple(bodies, damage).map(([body, { at, cut, put }]) => {
    const from = Math.floor(at * body.length)
    return Buffer.concat([body.subarray(0, from), put, body.subarray(from + cut)])
  })
}

// One after the other would wait for an insert each; together they also have to bear each other's company.
const many = (bodies: fc.Arbitrary<Buffer>) => fc.array(bodies, { minLength: 40, maxLength: 40 })

describe.each(WAYS)('$signal in $encoding', (way) => {
  test('are stored as they were counted, and never refused once accepted', async () => {
    const acceptable = damaged(way.bodies).filter((body) => verdict(way, body) !== null)
    const both = fc.asyncProperty(many(way.bodies), many(acceptable), async (sent, wounded) => {
      await storesWhatItCounts(way, [...sent, ...wounded])
    })
    await fc.assert(both, { numRuns: 1, endOnFailure: true })
  })
})

/** A body that was sent before would rightly not be stored again. */
const known = new Set<string>()

function isNew({ signal, encoding }: Way, body: Buffer): boolean {
  const key = `${signal} ${encoding} ${body.toString('latin1')}`
  return !known.has(key) && known.add(key).has(key)
}

async function storesWhatItCounts(way: Way, bodies: Buffer[]): Promise<void> {
  await empty(way.tables)
  const sent = bodies.filter((body) => isNew(way, body))
  const answers = await Promise.all(sent.map((body) => post(way, body)))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  await settled()
  expect(troubles).toEqual([])
  const counted = sent.map((body) => verdict(way, body) as Checked)
  expect(await rowsIn(way.tables)).toBe(counted.reduce((sum, { items, rejected }) => sum + items - rejected, 0))
}

const TRACES = [
  ['json', tracesJson],
  ['protobuf', traces],
] as const

test.each(TRACES)('an answered %s body sent again is stored once', async (encoding, write) => {
  const body = write([{ resource: { once: encoding }, spans: [span(), span({ spanId: SPAN_ID.replace('b', 'c') })] }])
  const send = async () => expect((await post({ signal: 'traces', encoding }, body)).status).toBe(200)
  await Promise.all([send(), send()])
  await settled()
  await send()
  await settled()
  const where = `ResourceAttributes['once'] = '${encoding}'`
  expect(await select(`SELECT toUInt32(count()) AS spans FROM otel_traces WHERE ${where}`)).toEqual([{ spans: 2 }])
})

test.each(TRACES)('half an emoji in %s is stored as U+FFFD, and a list as its JSON', async (encoding, write) => {
  const attributes = { half: encoding, list: ['a', 1n, true] }
  const body = write([{ spans: [span({ name: `cut ${'😀'.slice(0, 1)}`, attributes })] }])
  expect((await post({ signal: 'traces', encoding }, body)).status).toBe(200)
  await settled()
  const list = "SpanAttributes['list'] AS list"
  const rows = await select(`SELECT SpanName, ${list} FROM otel_traces WHERE SpanAttributes['half'] = '${encoding}'`)
  expect(rows).toEqual([{ SpanName: 'cut \ufffd', list: '["a",1,true]' }])
})
