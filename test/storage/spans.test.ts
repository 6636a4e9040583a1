import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { readSpans } from '#storage/cycles.ts'
import type { Encoding } from '#storage/signals.ts'
import { useDatabase } from '#test/database.ts'
import { type Sent, SPAN_ID, START, span, TRACE_ID, traces, tracesJson } from '#test/ingest/otlp.ts'
import { insertTraces } from '#test/storage/insert.ts'

const { db, select } = useDatabase()

const ENCODERS = { protobuf: traces, json: tracesJson } as const

async function send(sent: Sent[], encoding: Encoding, token: string = randomUUID()): Promise<void> {
  await insertTraces(db, ENCODERS[encoding](sent), encoding, token)
}

async function spans(): Promise<Record<string, unknown>[]> {
  return select('SELECT * FROM otel_traces ORDER BY Timestamp, SpanId')
}

beforeEach(async () => {
  for (const table of ['otel_traces', 'otel_traces_trace_id_ts', 'root_spans', 'child_spans']) {
    await db.run(`TRUNCATE TABLE ${table}`)
  }
})

const FULL: Sent[] = [
  {
    resource: { 'service.name': 'fetcher', 'service.version': '1.4.0', pid: 42n },
    scope: { name: 'lib', version: '2.0' },
    spans: [
      span({
        parentSpanId: '00f067aa0ba902b7',
        traceState: 'a=1',
        name: 'GET /coins',
        kind: 3,
        attributes: {
          text: 'grün',
          empty: '',
          yes: true,
          no: false,
          zero: 0n,
          big: 9223372036854775807n,
          small: -9223372036854775808n,
          half: 0.5,
          whole: 3,
          huge: 1e21,
          tiny: 1e-7,
          nan: Number.NaN,
          infinite: Number.NEGATIVE_INFINITY,
          raw: Buffer.from([0, 255]),
        },
        events: [{ timeNano: START + 1n, name: 'exception', attributes: { 'exception.type': 'E' } }],
        links: [{ traceId: 'f'.repeat(32), spanId: 'e'.repeat(16), traceState: 'b=2', attributes: { k: 'v' } }],
        status: { code: 2, message: 'it broke' },
      }),
    ],
  },
]

describe.each(['protobuf', 'json'] as const)('an OTLP body in %s', (encoding) => {
  test("becomes the exporter's row", async () => {
    await send(FULL, encoding)
    expect(await spans()).toEqual([
      {
        Timestamp: '2023-11-14 22:13:20.000000000',
        TraceId: TRACE_ID,
        SpanId: SPAN_ID,
        ParentSpanId: '00f067aa0ba902b7',
        TraceState: 'a=1',
        SpanName: 'GET /coins',
        SpanKind: 'Client',
        ServiceName: 'fetcher',
        ResourceAttributes: { 'service.name': 'fetcher', 'service.version': '1.4.0', pid: '42' },
        ScopeName: 'lib',
        ScopeVersion: '2.0',
        SpanAttributes: {
          text: 'grün',
          empty: '',
          yes: 'true',
          no: 'false',
          zero: '0',
          big: '9223372036854775807',
          small: '-9223372036854775808',
          half: '0.5',
          whole: '3',
          huge: '1e+21',
          tiny: '1e-7',
          nan: 'NaN',
          infinite: '-Infinity',
          raw: 'AP8=',
        },
        Duration: 250_000_000,
        StatusCode: 'Error',
        StatusMessage: 'it broke',
        'Events.Timestamp': ['2023-11-14 22:13:20.000000001'],
        'Events.Name': ['exception'],
        'Events.Attributes': [{ 'exception.type': 'E' }],
        'Links.TraceId': ['f'.repeat(32)],
        'Links.SpanId': ['e'.repeat(16)],
        'Links.TraceState': ['b=2'],
        'Links.Attributes': [{ k: 'v' }],
      },
    ])
    expect(await select('SELECT TraceId, Start, End FROM otel_traces_trace_id_ts')).toEqual([
      { TraceId: TRACE_ID, Start: '2023-11-14 22:13:20', End: '2023-11-14 22:13:20' },
    ])
  })

  test('stores what lies around a span that has no valid ids', async () => {
    const good = span({ spanId: '1111111111111111' })
    const bad = [
      span({ traceId: '' }),
      span({ spanId: '' }),
      span({ traceId: 'ab' }),
      span({ spanId: '0'.repeat(16) }),
      span({ traceId: '0'.repeat(32) }),
      span({ traceId: `${TRACE_ID}00` }),
    ]
    await send([{ spans: [...bad, good] }], encoding)
    expect((await spans()).map((row) => row.SpanId)).toEqual(['1111111111111111'])
  })

  test.each([
    {
      what: 'an end before its start',
      startNano: START,
      endNano: START - 1n,
      at: '2023-11-14 22:13:20.000000000',
      duration: 0,
    },
    { what: 'no times at all', startNano: 0n, endNano: 0n, at: '1970-01-01 00:00:00.000000000', duration: 0 },
    { what: 'a clock in 1970', startNano: 1n, endNano: 3n, at: '1970-01-01 00:00:00.000000001', duration: 2 },
    {
      what: 'a clock in 2200',
      startNano: 7_258_118_400_000_000_000n,
      endNano: 7_258_118_400_000_000_005n,
      at: '2200-01-01 00:00:00.000000000',
      duration: 5,
    },
    {
      what: 'a clock beyond what can be written',
      startNano: 2n ** 64n - 2n,
      endNano: 2n ** 64n - 1n,
      at: '2262-04-11 23:47:16.854775807',
      duration: 1,
    },
  ])('keeps a span with $what', async ({ startNano, endNano, at, duration }) => {
    await send([{ spans: [span({ startNano, endNano })] }], encoding)
    expect(await spans()).toMatchObject([{ Timestamp: at, Duration: duration }])
  })

  test('keeps a span with 10,000 attributes', async () => {
    const attributes = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`key.${n}`, `value ${n}`]))
    await send([{ spans: [span({ attributes })] }], encoding)
    const [row] = await spans()
    expect(row?.SpanAttributes).toEqual(attributes)
  })

  test('shows bytes that are no UTF-8 as U+FFFD and keeps everything else', async () => {
    const body = ENCODERS[encoding]([{ spans: [span({ name: 'a?b', attributes: { 'k?': 'v?w', good: 'yes' } })] }])
    for (let at = body.indexOf('?'); at >= 0; at = body.indexOf('?')) body[at] = 0xff
    await insertTraces(db, body, encoding)
    expect(await spans()).toMatchObject([
      { SpanName: 'a\uFFFDb', SpanAttributes: { 'k\uFFFD': 'v\uFFFDw', good: 'yes' } },
    ])
  })

  test('is stored once when it is sent twice with the same token', async () => {
    const token = randomUUID()
    await send(FULL, encoding, token)
    await send(FULL, encoding, token)
    expect(await select('SELECT count() AS spans FROM otel_traces')).toEqual([{ spans: 1 }])
  })

  test('is refused as bad input when its spans lie on more than a thousand days', async () => {
    const far = Array.from({ length: 1_001 }, (_, day) =>
      span({ startNano: BigInt(day) * 86_400_000_000_000n, endNano: START }),
    )
    await expect(send([{ spans: far }], encoding)).rejects.toMatchObject({ name: 'BadInput' })
  })
})

test.each([
  ['truncated', traces(FULL).subarray(0, 60)],
  ['junk', Buffer.from('this is not protobuf at all')],
])('a %s protobuf body is refused as bad input', async (_, body) => {
  await expect(insertTraces(db, body)).rejects.toMatchObject({ name: 'BadInput' })
  expect(await spans()).toEqual([])
})

test.each([
  ['42', '42'],
  ['"42"', '42'],
  ['9007199254740993', '9007199254740993'],
  ['18446744073709552000', '18446744073709552000'],
  ['1e+21', '1e+21'],
  ['1.0', '1'],
])('an intValue written %s in JSON is shown as %s', async (written, shown) => {
  const body = tracesJson([{ spans: [span({ attributes: { n: 0n } })] }])
    .toString()
    .replace('"0"', written)
  await insertTraces(db, Buffer.from(body), 'json')
  expect(await spans()).toMatchObject([{ SpanAttributes: { n: shown } }])
})

test('a span with a clock in 2200 is found by its trace', async () => {
  const late = span({ startNano: 7_258_118_400_000_000_000n, endNano: 7_258_118_400_000_000_005n })
  await send([{ spans: [late, span({ spanId: '1111111111111111' })] }], 'protobuf')
  expect((await readSpans(db, TRACE_ID, 10)).map(({ spanId }) => spanId)).toEqual(['1111111111111111', SPAN_ID])
})

test.each([
  {
    when: 'cannot keep up',
    cause: 'ALTER TABLE otel_traces MODIFY SETTING parts_to_throw_insert = 1',
    mend: 'ALTER TABLE otel_traces RESET SETTING parts_to_throw_insert',
  },
  { when: 'lost a table', cause: 'RENAME TABLE otlp_spans TO elsewhere', mend: 'RENAME TABLE elsewhere TO otlp_spans' },
])('a good body is to be sent again, not given up, when ClickHouse $when', async ({ cause, mend }) => {
  await send(FULL, 'json')
  await db.run(cause)
  await expect(send(FULL, 'json')).rejects.toMatchObject({ name: 'Unavailable' })
  await db.run(mend)
  await send(FULL, 'json')
})
