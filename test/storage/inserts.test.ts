import { randomUUID } from 'node:crypto'
import { ClickHouseError } from '@clickhouse/client'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Database } from '#storage/client.ts'
import { insertBodies } from '#storage/inserts.ts'
import type { Encoding, Signal } from '#storage/signals.ts'
import { useDatabase } from '#test/database.ts'
import { START, span, traces, tracesJson } from '#test/ingest/otlp.ts'
import { log, logs, logsJson } from '#test/ingest/otlp-logs.ts'
import { metric, metrics, point } from '#test/ingest/otlp-metrics.ts'
import { metricsJson } from '#test/ingest/otlp-metrics-json.ts'

const { db, select } = useDatabase()

/** A body of one span, data point or log record of this time and with this text in it. */
type Maker = (text: string, nano?: bigint) => Buffer

type Case = { signal: Signal; encoding: Encoding; make: Maker; table: string; text: string }

const someSpan = (text: string, startNano: bigint) => [{ spans: [span({ name: text, startNano })] }]
const someMetric = (text: string, timeNano: bigint) => {
  const points = [point({ timeNano, startNano: timeNano, attributes: { text } })]
  return [{ metrics: [metric({ data: { kind: 'sum', points } })] }]
}
const someLog = (text: string, timeNano: bigint) => [{ logs: [log({ body: text, timeNano })] }]

const TRACES = { signal: 'traces', table: 'otel_traces', text: 'SpanName' } as const
const METRICS = { signal: 'metrics', table: 'otel_metrics_sum', text: "Attributes['text']" } as const
const LOGS = { signal: 'logs', table: 'otel_logs', text: 'Body' } as const

const CASES: Case[] = [
  { ...TRACES, encoding: 'protobuf', make: (text, nano = START) => traces(someSpan(text, nano)) },
  { ...TRACES, encoding: 'json', make: (text, nano = START) => tracesJson(someSpan(text, nano)) },
  { ...METRICS, encoding: 'protobuf', make: (text, nano = START) => metrics(someMetric(text, nano)) },
  { ...METRICS, encoding: 'json', make: (text, nano = START) => metricsJson(someMetric(text, nano)) },
  { ...LOGS, encoding: 'protobuf', make: (text, nano = START) => logs(someLog(text, nano)) },
  { ...LOGS, encoding: 'json', make: (text, nano = START) => logsJson(someLog(text, nano)) },
]

async function texts({ table, text }: Case): Promise<string[]> {
  const rows = await select<{ text: string }>(`SELECT ${text} AS text FROM ${table} ORDER BY text`)
  return rows.map((row) => row.text)
}

beforeEach(async () => {
  for (const { table } of [TRACES, METRICS, LOGS]) await db.run(`TRUNCATE TABLE ${table}`)
})

describe.each(CASES)('$signal in $encoding', (one) => {
  const { signal, encoding, make } = one
  const insert = (bodies: Iterable<Buffer>, token: string = randomUUID()) =>
    insertBodies(db, { signal, encoding, token }, bodies)

  test('are all stored when small and large bodies, and empty ones, go into one insert', async () => {
    const sent = ['a', 'b'.repeat(200_000), 'c', 'd'.repeat(70_000), 'e']
    await insert([Buffer.alloc(0), ...sent.flatMap((text) => [make(text), Buffer.alloc(0)])])
    expect(await texts(one)).toEqual(sent)
  })

  test('are stored once when many bodies of several days are sent twice with the same token', async () => {
    const sent = Array.from({ length: 600 }, (_, index) => String(index).padStart(3, '0'))
    const bodies = sent.map((text, index) => make(text, START + BigInt(index % 3) * 86_400_000_000_000n))
    const token = randomUUID()
    await insert(bodies, token)
    await insert(bodies, token)
    expect(await texts(one)).toEqual(sent)
  })

  test('are stored once when one that was given up runs on beside its repetition', async () => {
    const sent = Array.from({ length: 50 }, (_, index) => String(index).padStart(2, '0'))
    const token = randomUUID()
    const bodies = sent.map((text) => make(text))
    await Promise.all([insert(bodies, token), insert(bodies, token), insert(bodies, token)])
    expect(await texts(one)).toEqual(sent)
  })

  test('are stored twice when the same bodies are sent with another token', async () => {
    await insert([make('a')])
    await insert([make('a')])
    expect(await texts(one)).toEqual(['a', 'a'])
  })

  test('are stored once when the bodies break off, and are sent again with the same token', async () => {
    const token = randomUUID()
    function* broken() {
      yield make('a'.repeat(70_000))
      throw new Error('the segment cannot be read')
    }
    await expect(insert(broken(), token)).rejects.toThrow('the segment cannot be read')
    await insert([make('a'), make('b')], token)
    expect(await texts(one)).toEqual(['a', 'b'])
  })

  test('are refused as bad input when they lie on more than a thousand days', async () => {
    const far = Array.from({ length: 1_001 }, (_, day) => make('a', BigInt(day + 1) * 86_400_000_000_000n))
    await expect(insert(far)).rejects.toMatchObject({ name: 'BadInput', message: expect.stringContaining(signal) })
  })

  test.each([
    ['cut off', (body: Buffer) => body.subarray(0, -3)],
    ['junk', () => Buffer.from('this is no telemetry at all')],
  ])('are refused as bad input when the body is %s', async (_, spoil) => {
    await expect(insert([make('a'), spoil(make('b'))])).rejects.toMatchObject({ name: 'BadInput' })
    expect(await texts(one)).toEqual([])
  })

  test('are to be sent again, not given up, when ClickHouse has lost a table', async () => {
    const { table } = one
    const token = randomUUID()
    await db.run(`RENAME TABLE ${table} TO elsewhere`)
    await expect(insert([make('a')], token)).rejects.toMatchObject({ name: 'Unavailable' })
    await db.run(`RENAME TABLE elsewhere TO ${table}`)
    await insert([make('a')], token)
    expect(await texts(one)).toEqual(['a'])
  })
})

test.each([[[]], [[Buffer.alloc(0)]]])('nothing is sent when there is nothing in %o', async (bodies) => {
  const silent = { send: () => Promise.reject(new Error('sent')) } as unknown as Database
  await insertBodies(silent, { signal: 'logs', encoding: 'json', token: 't' }, bodies)
})

test('doubles in JSON are read to the last bit', async () => {
  const values = Array.from({ length: 2_000 }, (_, n) => (Math.sin(n) * 10 ** (n % 30)) / 7)
  const points = values.map((value, n) => point({ value, timeNano: BigInt(n) * 1_000_000_000n }))
  const body = metricsJson([{ metrics: [metric({ data: { kind: 'gauge', points } })] }])
  await insertBodies(db, { signal: 'metrics', encoding: 'json', token: randomUUID() }, [body])
  const rows = await select<{ Value: number }>('SELECT Value FROM otel_metrics_gauge ORDER BY TimeUnix')
  expect(rows.map(({ Value }) => Value)).toEqual(values)
})

test.each([
  ['241', 'Query memory limit exceeded: would use 4.01 GiB', 'Unavailable'],
  ['241', '(total) memory limit exceeded: would use 7.00 GiB', 'Unavailable'],
  ['252', 'Too many partitions for single INSERT block (more than 1000)', 'BadInput'],
  ['252', 'Too many parts (3000) in all data in table', 'Unavailable'],
  ['33', 'Cannot read all data', 'BadInput'],
  ['999', 'Coordination::Exception', 'Unavailable'],
])('error %s of ClickHouse, "%s", is told as %s', async (code, message, name) => {
  const refusal = new ClickHouseError({ code, message, type: 'SOME' })
  const refusing = { send: () => Promise.reject(refusal) } as unknown as Database
  const call = insertBodies(refusing, { signal: 'logs', encoding: 'json', token: 't' }, [Buffer.from('{}')])
  await expect(call).rejects.toMatchObject({ name })
})

test('a key of JSON in another case is not read: nobody has checked what it holds', async () => {
  await db.run('TRUNCATE TABLE otel_traces')
  const good = tracesJson([{ resource: { 'service.name': 'mine' }, spans: [span()] }]).toString()
  const other = tracesJson([{ resource: { 'service.name': 'foreign' }, spans: [span()] }]).toString()
  const both = `${other.replace('resourceSpans', 'ResourceSpans').slice(0, -1)},${good.slice(1)}`
  await insertBodies(db, { signal: 'traces', encoding: 'json', token: randomUUID() }, [Buffer.from(both)])
  expect(await select('SELECT ServiceName AS service FROM otel_traces')).toEqual([{ service: 'mine' }])
})
