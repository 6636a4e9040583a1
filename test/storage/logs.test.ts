import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { insertBodies } from '#storage/inserts.ts'
import type { Encoding } from '#storage/signals.ts'
import { useDatabase } from '#test/database.ts'
import { SPAN_ID, START, TRACE_ID, type Value } from '#test/ingest/otlp.ts'
import { type LogText, log, logs, logsJson, type SentLogs } from '#test/ingest/otlp-logs.ts'

const { db, select } = useDatabase()

const ENCODERS = { protobuf: logs, json: logsJson } as const

async function send(sent: SentLogs[], encoding: Encoding, token: string = randomUUID()): Promise<void> {
  await insertBodies(db, { signal: 'logs', encoding, token }, [ENCODERS[encoding](sent)])
}

async function stored(): Promise<Record<string, unknown>[]> {
  return select('SELECT * FROM otel_logs ORDER BY Timestamp, Body')
}

beforeEach(async () => {
  await db.run('TRUNCATE TABLE otel_logs')
})

const FULL: SentLogs[] = [
  {
    resource: { 'service.name': 'fetcher', 'k8s.pod.name': 'fetcher-1', pid: 42n },
    resourceSchemaUrl: 'https://resource.example/1.0',
    scope: { name: 'lib', version: '2.0', attributes: { scoped: true } },
    scopeSchemaUrl: 'https://scope.example/1.0',
    logs: [
      {
        timeNano: START,
        observedNano: START + 5n,
        severityNumber: 17,
        severityText: 'ERROR',
        body: 'grün ist kaputt',
        attributes: {
          text: 'grün',
          empty: '',
          no: false,
          big: 9223372036854775807n,
          small: -9223372036854775808n,
          half: 0.5,
          huge: 1e21,
          tiny: 1e-7,
          nan: Number.NaN,
          infinite: Number.NEGATIVE_INFINITY,
          raw: Buffer.from([0, 255]),
        },
        flags: 0x301,
        traceId: TRACE_ID,
        spanId: SPAN_ID,
        eventName: 'cycle.started',
      },
    ],
  },
]

const FULL_ROW = {
  Timestamp: '2023-11-14 22:13:20.000000000',
  TraceId: TRACE_ID,
  SpanId: SPAN_ID,
  TraceFlags: 1,
  SeverityText: 'ERROR',
  SeverityNumber: 17,
  ServiceName: 'fetcher',
  Body: 'grün ist kaputt',
  ResourceSchemaUrl: 'https://resource.example/1.0',
  ResourceAttributes: { 'service.name': 'fetcher', 'k8s.pod.name': 'fetcher-1', pid: '42' },
  ScopeSchemaUrl: 'https://scope.example/1.0',
  ScopeName: 'lib',
  ScopeVersion: '2.0',
  ScopeAttributes: { scoped: 'true' },
  LogAttributes: {
    text: 'grün',
    empty: '',
    no: 'false',
    big: '9223372036854775807',
    small: '-9223372036854775808',
    half: '0.5',
    huge: '1e+21',
    tiny: '1e-7',
    nan: 'NaN',
    infinite: '-Infinity',
    raw: 'AP8=',
  },
  EventName: 'cycle.started',
}

/** The row of a record that says nothing at all. */
const EMPTY_ROW = {
  Timestamp: '1970-01-01 00:00:00.000000000',
  TraceId: '',
  SpanId: '',
  TraceFlags: 0,
  SeverityText: '',
  SeverityNumber: 0,
  ServiceName: '',
  Body: '',
  ResourceSchemaUrl: '',
  ResourceAttributes: {},
  ScopeSchemaUrl: '',
  ScopeName: '',
  ScopeVersion: '',
  ScopeAttributes: {},
  LogAttributes: {},
  EventName: '',
}

describe.each(['protobuf', 'json'] as const)('an OTLP log record in %s', (encoding) => {
  test("becomes the exporter's row", async () => {
    await send(FULL, encoding)
    expect(await stored()).toEqual([FULL_ROW])
  })

  test('becomes a row of empty values when it says nothing', async () => {
    await send([{ logs: [{}] }], encoding)
    expect(await stored()).toEqual([EMPTY_ROW])
  })

  test('shows as its body the text of whatever kind of value it is', async () => {
    const bodies: { sent: Value; shown: string }[] = [
      { sent: '', shown: '' },
      { sent: true, shown: 'true' },
      { sent: -9223372036854775808n, shown: '-9223372036854775808' },
      { sent: 12.25, shown: '12.25' },
      { sent: -0, shown: '0' },
      { sent: Number.POSITIVE_INFINITY, shown: 'Infinity' },
      { sent: Buffer.from('bytes'), shown: 'Ynl0ZXM=' },
    ]
    await send(
      [{ logs: bodies.map(({ sent }, nano) => log({ body: sent, timeNano: START + BigInt(nano) })) }],
      encoding,
    )
    expect((await stored()).map(({ Body }) => Body)).toEqual(bodies.map(({ shown }) => shown))
  })

  test.each<LogText & { what: string; at: string }>([
    { what: 'only the time of its observation', timeNano: 0n, observedNano: 5n, at: '1970-01-01 00:00:00.000000005' },
    { what: 'a clock in 2200', timeNano: 7_258_118_400_000_000_000n, at: '2200-01-01 00:00:00.000000000' },
    { what: 'a clock beyond what can be written', timeNano: 2n ** 64n - 1n, at: '2262-04-11 23:47:16.854775807' },
  ])('keeps a record with $what', async ({ what: _, at, ...times }) => {
    await send([{ logs: [log(times)] }], encoding)
    expect(await stored()).toMatchObject([{ Timestamp: at }])
  })

  test.each([
    { what: 'of the wrong length', traceId: 'abcd', spanId: `${SPAN_ID}00` },
    { what: 'of zeros', traceId: '0'.repeat(32), spanId: '0'.repeat(16) },
  ])('has no ids when those sent are $what', async ({ traceId, spanId }) => {
    await send([{ logs: [log({ traceId, spanId })] }], encoding)
    expect(await stored()).toMatchObject([{ TraceId: '', SpanId: '' }])
  })

  test('has severity 0 when that sent is none of 0 to 255', async () => {
    const sent = [-1, 256, 2_147_483_647, -2_147_483_648]
    await send([{ logs: sent.map((severityNumber) => log({ severityNumber })) }], encoding)
    expect(await stored()).toMatchObject(sent.map(() => ({ SeverityNumber: 0 })))
  })

  test('shows bytes that are no UTF-8 as U+FFFD and keeps everything else', async () => {
    const record = log({ body: 'a?b', severityText: 's?', eventName: 'e?', attributes: { 'k?': 'v?w', good: 'yes' } })
    const body = ENCODERS[encoding]([{ resource: { 'service.name': 'f?' }, scope: { name: 'n?' }, logs: [record] }])
    for (let at = body.indexOf('?'); at >= 0; at = body.indexOf('?')) body[at] = 0xff
    await insertBodies(db, { signal: 'logs', encoding, token: randomUUID() }, [body])
    expect(await stored()).toMatchObject([
      {
        Body: 'a\uFFFDb',
        SeverityText: 's\uFFFD',
        EventName: 'e\uFFFD',
        ServiceName: 'f\uFFFD',
        ScopeName: 'n\uFFFD',
        LogAttributes: { 'k\uFFFD': 'v\uFFFDw', good: 'yes' },
      },
    ])
  })

  test('keeps text that would mean something to SQL or JSON as it is', async () => {
    const text = `'; DROP TABLE otel_logs -- {{x}} \\ " \n\t\u0000 {"a":1}`
    await send([{ logs: [log({ body: text, attributes: { [text]: text } })] }], encoding)
    expect(await stored()).toMatchObject([{ Body: text, LogAttributes: { [text]: text } }])
  })

  test('belongs to its own resource and scope when a request has several', async () => {
    const of = (name: string): SentLogs => ({
      resource: { 'service.name': name },
      scope: { name },
      logs: [log({ body: `1 ${name}` }), log({ body: `2 ${name}` })],
    })
    await send([of('a'), { logs: [] }, of('b')], encoding)
    expect(await select('SELECT Body, ServiceName, ScopeName FROM otel_logs ORDER BY Body')).toEqual([
      { Body: '1 a', ServiceName: 'a', ScopeName: 'a' },
      { Body: '1 b', ServiceName: 'b', ScopeName: 'b' },
      { Body: '2 a', ServiceName: 'a', ScopeName: 'a' },
      { Body: '2 b', ServiceName: 'b', ScopeName: 'b' },
    ])
  })

  test('is stored once when it is sent twice with the same token', async () => {
    const token = randomUUID()
    await send(FULL, encoding, token)
    await send(FULL, encoding, token)
    expect(await select('SELECT count() AS records FROM otel_logs')).toEqual([{ records: 1 }])
  })
})

test('the columns for Kubernetes are filled from the resource', async () => {
  await send(FULL, 'protobuf')
  expect(await select('SELECT `__otel_materialized_k8s.pod.name` AS pod FROM otel_logs')).toEqual([
    { pod: 'fetcher-1' },
  ])
})
