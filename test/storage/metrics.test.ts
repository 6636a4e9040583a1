import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { insertBodies } from '#storage/inserts.ts'
import type { Encoding } from '#storage/signals.ts'
import { useDatabase } from '#test/database.ts'
import { bytes, double, fixed64, SPAN_ID, varint } from '#test/ingest/otlp.ts'
import { type MetricData, metric, metrics, point, type SentMetrics } from '#test/ingest/otlp-metrics.ts'
import { metricsJson } from '#test/ingest/otlp-metrics-json.ts'
import { BARE_SHOWN, ENVELOPE, ENVELOPE_SHOWN, KINDS, TIMES_SHOWN } from '#test/storage/metric-kinds.ts'

const { db, select } = useDatabase()

const ENCODERS = { protobuf: metrics, json: metricsJson } as const
const TABLES = ['gauge', 'sum', 'histogram', 'exponential_histogram', 'summary'].map((kind) => `otel_metrics_${kind}`)

async function send(sent: SentMetrics[], encoding: Encoding, token: string = randomUUID()): Promise<void> {
  await insertBodies(db, { signal: 'metrics', encoding, token }, [ENCODERS[encoding](sent)])
}

/** Every row of every table that has any. 64-bit integers are text. */
async function stored(): Promise<Record<string, Record<string, unknown>[]>> {
  const found = TABLES.map(async (table) => {
    const query = `SELECT * FROM ${table} ORDER BY MetricName, TimeUnix
      SETTINGS output_format_json_quote_64bit_integers = 1, output_format_json_quote_denormals = 1`
    return [table, await select<Record<string, unknown>>(query)] as const
  })
  return Object.fromEntries((await Promise.all(found)).filter(([, rows]) => rows.length > 0))
}

beforeEach(async () => {
  for (const table of TABLES) await db.run(`TRUNCATE TABLE ${table}`)
})

/** The data with these attributes on each of its points. */
function withAttributes(data: MetricData): MetricData {
  return { ...data, points: data.points.map((one) => ({ ...one, attributes: { host: 'a', up: true } })) } as MetricData
}

describe.each(['protobuf', 'json'] as const)('OTLP metrics in %s', (encoding) => {
  test("become the exporter's rows, each kind in its table", async () => {
    const sent = KINDS.map(({ data }) => ({
      name: data.kind,
      description: 'what it is',
      unit: 'By',
      data: withAttributes(data),
    }))
    await send([{ ...ENVELOPE, metrics: sent }], encoding)
    const shown = KINDS.map(({ table, data, row }) => {
      const metricShown = { MetricName: data.kind, MetricDescription: 'what it is', MetricUnit: 'By' }
      const attributes = { Attributes: { host: 'a', up: 'true' } }
      return [table, [{ ...ENVELOPE_SHOWN, ...metricShown, ...attributes, ...TIMES_SHOWN, ...row }]]
    })
    expect(await stored()).toEqual(Object.fromEntries(shown))
  })

  test('become rows of empty values when they say nothing', async () => {
    const sent = KINDS.map(({ data }) => ({ data: { kind: data.kind, points: [{}] } as MetricData }))
    await send([{ metrics: sent }], encoding)
    const shown = KINDS.map(({ table, bare }) => [table, [{ ...BARE_SHOWN, ...bare }]])
    expect(await stored()).toEqual(Object.fromEntries(shown))
  })

  test('have the nearest double as their value', async () => {
    const values = [
      { sent: 9223372036854775807n, shown: 2 ** 63 },
      { sent: -9223372036854775808n, shown: -(2 ** 63) },
      { sent: 9007199254740993n, shown: 9007199254740992 },
      { sent: 0n, shown: 0 },
      { sent: 1.7976931348623157e308, shown: 1.7976931348623157e308 },
      { sent: Number.NaN, shown: 'nan' },
      { sent: Number.NEGATIVE_INFINITY, shown: '-inf' },
    ]
    const points = values.map(({ sent }, second) => point({ value: sent, timeNano: BigInt(second) * 1_000_000_000n }))
    await send([{ metrics: [metric({ data: { kind: 'gauge', points } })] }], encoding)
    expect(await stored()).toMatchObject({ otel_metrics_gauge: values.map(({ shown }) => ({ Value: shown })) })
  })

  test('have the value 0 where the point says that none was recorded', async () => {
    const points = [point({ value: 7, flags: 1 })]
    const sent = (['gauge', 'sum'] as const).map((kind) => metric({ data: { kind, points } }))
    await send([{ metrics: sent }], encoding)
    const none = [{ Value: 0, Flags: 1 }]
    expect(await stored()).toMatchObject({ otel_metrics_gauge: none, otel_metrics_sum: none })
  })

  test.each([
    { what: 'a clock in 2106', timeNano: 4_294_967_295_999_999_999n },
    { what: 'a clock beyond what DateTime can hold', timeNano: 4_294_967_296_000_000_000n },
    { what: 'a clock beyond everything', timeNano: 2n ** 64n - 1n },
  ])('keep a point with $what', async ({ timeNano }) => {
    const points = [point({ startNano: timeNano, timeNano, exemplars: [{ timeNano, value: 1 }] })]
    await send([{ metrics: [metric({ data: { kind: 'gauge', points } })] }], encoding)
    const last = '2106-02-07 06:28:15'
    expect(await stored()).toMatchObject({
      otel_metrics_gauge: [{ StartTimeUnix: last, TimeUnix: last, 'Exemplars.TimeUnix': [last] }],
    })
  })

  test.each([
    { what: 'of the wrong length', traceId: 'abcd', spanId: `${SPAN_ID}00` },
    { what: 'of zeros', traceId: '0'.repeat(32), spanId: '0'.repeat(16) },
  ])('have exemplars without ids when those sent are $what', async ({ traceId, spanId }) => {
    const points = [point({ exemplars: [{ traceId, spanId, value: 1 }] })]
    await send([{ metrics: [metric({ data: { kind: 'gauge', points } })] }], encoding)
    expect(await stored()).toMatchObject({
      otel_metrics_gauge: [{ 'Exemplars.TraceId': [''], 'Exemplars.SpanId': [''] }],
    })
  })

  test('show bytes that are no UTF-8 as U+FFFD and keep everything else', async () => {
    const points = [point({ attributes: { 'k?': 'v?w', good: 'yes' } })]
    const sent = metric({ name: 'm?', description: 'd?', unit: 'u?', data: { kind: 'gauge', points } })
    const body = ENCODERS[encoding]([{ resource: { 'service.name': 'f?' }, scope: { name: 'n?' }, metrics: [sent] }])
    for (let at = body.indexOf('?'); at >= 0; at = body.indexOf('?')) body[at] = 0xff
    await insertBodies(db, { signal: 'metrics', encoding, token: randomUUID() }, [body])
    expect(await stored()).toMatchObject({
      otel_metrics_gauge: [
        {
          MetricName: 'm\uFFFD',
          MetricDescription: 'd\uFFFD',
          MetricUnit: 'u\uFFFD',
          ServiceName: 'f\uFFFD',
          ScopeName: 'n\uFFFD',
          Attributes: { 'k\uFFFD': 'v\uFFFDw', good: 'yes' },
        },
      ],
    })
  })

  test('belong to their own resource and metric when a request has several of each', async () => {
    const of = (name: string): SentMetrics => ({
      resource: { 'service.name': name },
      metrics: [
        metric({ name: `${name}.gauge`, data: { kind: 'gauge', points: [point({ value: 1 }), point({ value: 2 })] } }),
        { name: `${name}.nothing` },
        metric({ name: `${name}.sum`, data: { kind: 'sum', points: [point({ value: 3 })], temporality: 1 } }),
      ],
    })
    await send([of('a'), { metrics: [] }, of('b')], encoding)
    const query = (kind: string) =>
      select(`SELECT ServiceName, MetricName, Value FROM otel_metrics_${kind} ORDER BY MetricName, Value`)
    expect(await query('gauge')).toEqual([
      { ServiceName: 'a', MetricName: 'a.gauge', Value: 1 },
      { ServiceName: 'a', MetricName: 'a.gauge', Value: 2 },
      { ServiceName: 'b', MetricName: 'b.gauge', Value: 1 },
      { ServiceName: 'b', MetricName: 'b.gauge', Value: 2 },
    ])
    expect(await query('sum')).toEqual([
      { ServiceName: 'a', MetricName: 'a.sum', Value: 3 },
      { ServiceName: 'b', MetricName: 'b.sum', Value: 3 },
    ])
  })

  test('are stored once in every table when they are sent twice with the same token', async () => {
    const sent = [{ ...ENVELOPE, metrics: KINDS.map(({ kind, data }) => ({ name: kind, data })) }]
    const token = randomUUID()
    await send(sent, encoding, token)
    await send(sent, encoding, token)
    const counts = Object.entries(await stored()).map(([table, rows]) => [table, rows.length])
    expect(counts).toEqual(TABLES.map((table) => [table, 1]))
  })
})

test('numbers of a bucket each in a field of their own are read as those in one field', async () => {
  const histogram = [6, 6].map((field, bucket) => fixed64(field, BigInt(bucket + 1)))
  const bounds = [double(7, 0.5)]
  const exponential = bytes(8, ...[1n, 300n].map((count) => Buffer.concat([varint(2 << 3), varint(count)])))
  const kinds = [bytes(9, bytes(1, ...histogram, ...bounds)), bytes(10, bytes(1, exponential))]
  const body = bytes(1, bytes(2, ...kinds.map((kind) => bytes(2, bytes(1, 'm'), kind))))
  await insertBodies(db, { signal: 'metrics', encoding: 'protobuf', token: randomUUID() }, [body])
  expect(await stored()).toMatchObject({
    otel_metrics_histogram: [{ BucketCounts: ['1', '2'], ExplicitBounds: [0.5] }],
    otel_metrics_exponential_histogram: [{ PositiveBucketCounts: ['1', '300'] }],
  })
})

test.each([
  { written: '12', shown: 12 },
  { written: '"12"', shown: 12 },
  { written: '1e3', shown: 1000 },
  { written: '"-Infinity"', shown: '-inf' },
  { written: 'null', shown: 0 },
])('numbers written $written in JSON are stored as $shown', async ({ written, shown }) => {
  const point = `{"asDouble":${written},"exemplars":[{"asDouble":${written}}]}`
  const histogram = `{"sum":${written},"explicitBounds":[${written}]}`
  const body = `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
    {"name":"m","gauge":{"dataPoints":[${point}]}},{"name":"m","histogram":{"dataPoints":[${histogram}]}}]}]}]}`
  await insertBodies(db, { signal: 'metrics', encoding: 'json', token: randomUUID() }, [Buffer.from(body)])
  expect(await stored()).toMatchObject({
    otel_metrics_gauge: [{ Value: shown, 'Exemplars.Value': [shown] }],
    otel_metrics_histogram: [{ Sum: shown, ExplicitBounds: [shown] }],
  })
})

test('a body in which everything that may be null is null becomes a row of empty values', async () => {
  const point = `{"attributes":null,"exemplars":null,"startTimeUnixNano":null,"timeUnixNano":null,"asInt":null,"flags":null}`
  const body = `{"resourceMetrics":[{"resource":null,"schemaUrl":null,"scopeMetrics":[{"scope":null,"metrics":[
    {"name":null,"description":null,"unit":null,"sum":null,"gauge":{"dataPoints":[${point}]}}]}]}]}`
  await insertBodies(db, { signal: 'metrics', encoding: 'json', token: randomUUID() }, [Buffer.from(body)])
  expect(await stored()).toMatchObject({ otel_metrics_gauge: [{ ...BARE_SHOWN, Value: 0 }] })
})
