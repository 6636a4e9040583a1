import { beforeAll, describe, expect, test } from 'vitest'
import { logsBeside, metricsBeside } from '#analysis/beside.ts'
import { useDatabase } from '#test/database.ts'
import { insertRows, rootRow, startRow } from '#test/storage/rows.ts'

const { db } = useDatabase()

const START = Date.UTC(2026, 10, 1, 8)
const NOW = START + 3_600_000
const TRACE = 'a'.repeat(32)
const RUNNING = 'b'.repeat(32)
const NAMELESS = 'c'.repeat(32)
const at = (ms: number) => new Date(START + ms).toISOString()
const HERE = { 'service.name': 'fetcher', 'host.name': 'a', 'service.instance.id': '1' }

// From START to 20 s later; the running one began 10 s after that.
beforeAll(async () => {
  await insertRows(db, 'otel_traces', [
    rootRow(TRACE, START, 20_000, { ResourceAttributes: HERE }),
    rootRow(NAMELESS, START, 20_000, { ServiceName: '', ResourceAttributes: {} }),
  ])
  await insertRows(db, 'otel_logs', [startRow(RUNNING, START + 30_000)])
})

describe('log records', () => {
  const near = (body: string, ms: number, different = {}) => ({
    Timestamp: at(ms),
    ServiceName: 'fetcher',
    ResourceAttributes: HERE,
    Body: body,
    ...different,
  })

  beforeAll(async () => {
    await insertRows(db, 'otel_logs', [
      near('its own', 5_000, { TraceId: TRACE, SeverityNumber: 13 }),
      near('its own, late', 90_000, { TraceId: TRACE }),
      near('its own, of another service', 6_000.25, {
        TraceId: TRACE,
        ServiceName: 'database',
        SeverityText: 'Notice',
      }),
      near('near', 4_000, { SeverityNumber: 9 }),
      near('near, of a resource that says less', 7_000, { ResourceAttributes: {} }),
      near('at its start', 0),
      near('at its end', 20_000),
      near('before', -1),
      near('after', 20_001),
      near('of another trace', 4_000, { TraceId: 'd'.repeat(32) }),
      near('of another service', 4_000, { ServiceName: 'other' }),
      near('of another host', 4_000, { ResourceAttributes: { ...HERE, 'host.name': 'b' } }),
      near('of another process', 4_000, { ResourceAttributes: { ...HERE, 'service.instance.id': '2' } }),
      near('of no service', 4_000, { ServiceName: '', ResourceAttributes: {} }),
      near('much later', 3_000_000),
    ])
  })

  test('are those of its trace, and those near it without any, oldest first', async () => {
    const { items, truncated } = await logsBeside(db, TRACE, 100, NOW)
    expect(items.map(({ body, atMs, related, severity }) => [atMs, related, severity, body])).toEqual([
      [0, 'time', '', 'at its start'],
      [4_000, 'time', 'INFO', 'near'],
      [5_000, 'trace', 'WARN', 'its own'],
      [6_000, 'trace', 'Notice', 'its own, of another service'],
      [7_000, 'time', '', 'near, of a resource that says less'],
      [20_000, 'time', '', 'at its end'],
      [90_000, 'trace', '', 'its own, late'],
    ])
    expect(truncated).toBe(false)
  })

  test('of its trace are kept when they are too many', async () => {
    const { items, truncated } = await logsBeside(db, TRACE, 4, NOW)
    expect(items.map(({ body }) => body)).toEqual([
      'at its start',
      'its own',
      'its own, of another service',
      'its own, late',
    ])
    expect(truncated).toBe(true)
  })

  test('of a running cycle are those up to now, its start among them', async () => {
    const { items } = await logsBeside(db, RUNNING, 100, NOW)
    expect(items.map(({ event, body }) => event || body)).toEqual(['cycle.started', 'much later'])
  })

  test('of senders without a name are none of a cycle without one, which could be another', async () => {
    expect(await logsBeside(db, NAMELESS, 100, NOW)).toEqual({ items: [], truncated: false })
  })

  test('of megabytes are cut', async () => {
    const trace = 'e'.repeat(32)
    await insertRows(db, 'otel_traces', [rootRow(trace, START, 1)])
    const huge = '😀'.repeat(500_000)
    await insertRows(db, 'otel_logs', [near(huge, 0, { TraceId: trace, LogAttributes: { huge, small: 'x' } })])
    const { items } = await logsBeside(db, trace, 1, NOW)
    const [{ body, attributes }] = items as [(typeof items)[number]]
    expect([body.length, body.at(-1)]).toEqual([2 * 16_384 + 1, '…'])
    expect([attributes.huge?.length, attributes.small]).toEqual([2 * 1_024 + 1, 'x'])
  })

  test('of what is no cycle are refused', async () => {
    await expect(logsBeside(db, 'f'.repeat(32), 1, NOW)).rejects.toThrow('is no cycle: there are no spans of it')
  })
})

describe('metrics', () => {
  const point = (name: string, seconds: number, different = {}) => ({
    ServiceName: 'fetcher',
    ResourceAttributes: HERE,
    MetricName: name,
    MetricUnit: 's',
    StartTimeUnix: at(-3_600_000),
    TimeUnix: at(seconds * 1_000),
    ...different,
  })
  const gauge = (name: string, seconds: number, Value: number, different = {}) =>
    point(name, seconds, { Value, ...different })
  const counter = (name: string, seconds: number, Value: number, different = {}) =>
    point(name, seconds, { Value, IsMonotonic: true, AggregationTemporality: 2, ...different })
  const histogram = (name: string, seconds: number, Count: number, Sum: number, different = {}) =>
    point(name, seconds, { Count, Sum, AggregationTemporality: 2, ...different })

  beforeAll(async () => {
    await insertRows(db, 'otel_metrics_gauge', [
      ...[
        gauge('gauge', -10, 100),
        gauge('gauge', 0, 1),
        gauge('gauge', 10, 5),
        gauge('gauge', 20, 3),
        gauge('gauge', 30, 99),
      ],
      ...[
        gauge('gauge by core', 5, 1, { Attributes: { core: '1' } }),
        gauge('gauge by core', 5, 2, { Attributes: { core: '2' } }),
      ],
      ...[gauge('near', -60, 1), gauge('near', 80, 3), gauge('far', -61, 1), gauge('far', 81, 1)],
      gauge('of another service', 5, 1, { ServiceName: 'other' }),
      gauge('of another host', 5, 1, { ResourceAttributes: { 'host.name': 'b' } }),
      gauge('without a value', 5, 0, { Flags: 1 }),
    ])
    await insertRows(db, 'otel_metrics_sum', [
      ...[counter('counter', 0, 100), counter('counter', 10, 130)],
      ...[counter('restarted', 5, 50), counter('restarted', 15, 7, { StartTimeUnix: at(10_000) })],
      counter('seen once', 5, 50),
      ...[5, 15].map((seconds) => counter('delta', seconds, 4, { AggregationTemporality: 1 })),
      ...[counter('up and down', 5, 9), counter('up and down', 15, 4)].map((row) => ({ ...row, IsMonotonic: false })),
    ])
    await insertRows(db, 'otel_metrics_histogram', [
      histogram('histogram', 0, 10, 5),
      histogram('histogram', 10, 14, 7),
    ])
    await insertRows(db, 'otel_metrics_exponential_histogram', [
      histogram('exponential', 5, 3, 1.5, { AggregationTemporality: 1 }),
    ])
    await insertRows(db, 'otel_metrics_summary', [
      point('summary', 1, { Count: 1, Sum: 2 }),
      point('summary', 2, { Count: 4, Sum: 8 }),
    ])
  })

  test('are the points in its time, a row for each set of attributes', async () => {
    const { items, truncated } = await metricsBeside(db, TRACE, 100, NOW)
    const rows = items.map(({ name, attributes, during, points, lowest, mean, highest, last, grown, counted }) =>
      [name, ...Object.values(attributes), during, points, lowest, mean, highest, last, grown, counted].join(' '),
    )
    // name, attributes, during, points, lowest, mean, highest, last, grown by, counted
    expect(rows).toEqual([
      'counter 1 2 100 115 130 130 30 0',
      'delta 1 2 4 4 4 4 8 0',
      'exponential 1 1 1.5 1.5 1.5 1.5 1.5 3',
      'gauge 1 3 1 3 5 3  ',
      'gauge by core 1 1 1 1 1 1 1  ',
      'gauge by core 2 1 1 2 2 2 2  ',
      'histogram 1 2 5 6 7 7 2 4',
      'near 0 2 1 2 3 3  ',
      'restarted 1 2 7 28.5 50 7 7 0',
      'seen once 1 1 50 50 50 50  ',
      'summary 1 2 2 5 8 8 6 3',
      'up and down 1 2 4 6.5 9 4  ',
    ])
    expect(truncated).toBe(false)
  })

  test('say when there are more', async () => {
    const { items, truncated } = await metricsBeside(db, TRACE, 1, NOW)
    expect([items.map(({ name }) => name), truncated]).toEqual([['counter'], true])
  })

  test('of a running cycle are those up to now', async () => {
    const { items } = await metricsBeside(db, RUNNING, 100, START + 31_000)
    expect(items.find(({ name }) => name === 'gauge')).toMatchObject({ during: 1, points: 1, last: 99 })
  })

  test('of a cycle whose service has no name are none', async () => {
    expect(await metricsBeside(db, NAMELESS, 100, NOW)).toEqual({ items: [], truncated: false })
  })

  test('of a cycle at the end of time are none, and no error', async () => {
    const trace = 'd'.repeat(32)
    await insertRows(db, 'otel_traces', [rootRow(trace, Date.UTC(2262, 3, 1), 1)])
    expect(await metricsBeside(db, trace, 100, NOW)).toEqual({ items: [], truncated: false })
    expect((await logsBeside(db, trace, 100, NOW)).truncated).toBe(false)
  })
})
