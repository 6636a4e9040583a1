import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fieldsOf, messageOf } from '#test/e2e/answers.ts'
import { ANYWHERE, newFolder } from '#test/e2e/processes.ts'
import {
  ask,
  cyclesOf,
  doctor,
  JSON_TYPE,
  newTraceId,
  PROTOBUF_TYPE,
  post,
  root,
  select,
  sendCycle,
  stop,
  type Up,
  up,
} from '#test/e2e/running.ts'
import { bytes, SPAN_ID, span, spanFields, traces, tracesJson } from '#test/ingest/otlp.ts'

const LIMIT = 100_000

let running: Up
beforeAll(async () => {
  running = await up(newFolder(ANYWHERE.replace('127.0.0.1:0', `127.0.0.1:0, maxBodyBytes: ${LIMIT}`)))
})

/** Whatever happened before: nothing broke, good data is stored, and all there is to complain about is what was sent. */
afterAll(async () => {
  expect(await sendCycle(running, 'afterwards')).toBe(200)
  expect(await cyclesOf(running, '&name=afterwards')).toHaveLength(1)
  const { out, err } = await doctor(running)
  const faults = out.split('\n').filter((line) => line.startsWith('FAULT'))
  expect({ faults, err }).toEqual({
    faults: [expect.stringMatching(/^FAULT {2}received .* refused: .*\d with 400/)],
    err: '',
  })
  expect(await stop(running)).toMatchObject({ code: 0, err: '' })
})

const good = () => [{ spans: [root('good', newTraceId())] }]
const GZIP = { 'content-encoding': 'gzip' }

type Refused = {
  what: string
  body: Buffer
  headers: Record<string, string>
  status: number
  says: RegExp
}

const refused: Refused[] = [
  {
    what: 'garbage as protobuf',
    body: Buffer.from('\xff\xfe garbage'),
    headers: PROTOBUF_TYPE,
    status: 400,
    says: /./,
  },
  { what: 'truncated protobuf', body: traces(good()).subarray(0, -3), headers: PROTOBUF_TYPE, status: 400, says: /./ },
  { what: 'JSON as protobuf', body: tracesJson(good()), headers: PROTOBUF_TYPE, status: 400, says: /./ },
  { what: 'protobuf as JSON', body: traces(good()), headers: JSON_TYPE, status: 400, says: /./ },
  { what: 'truncated JSON', body: tracesJson(good()).subarray(0, -3), headers: JSON_TYPE, status: 400, says: /./ },
  { what: 'an empty body as JSON', body: Buffer.alloc(0), headers: JSON_TYPE, status: 400, says: /./ },
  { what: 'a JSON list', body: Buffer.from('[]'), headers: JSON_TYPE, status: 400, says: /./ },
  { what: 'two JSON documents', body: Buffer.from('{}{}'), headers: JSON_TYPE, status: 400, says: /./ },
  { what: 'JSON nested too deep', body: Buffer.from('['.repeat(90_000)), headers: JSON_TYPE, status: 400, says: /./ },
  {
    what: 'a text for a list of spans',
    body: Buffer.from('{"resourceSpans":[{"scopeSpans":[{"spans":"all"}]}]}'),
    headers: JSON_TYPE,
    status: 400,
    says: /spans/,
  },
  {
    what: 'no Content-Type',
    body: tracesJson(good()),
    headers: {},
    status: 415,
    says: /Content-Type.*application\/json/,
  },
  {
    what: 'a text',
    body: tracesJson(good()),
    headers: { 'content-type': 'text/plain' },
    status: 415,
    says: /'text\/plain'.*application\/x-protobuf/,
  },
  {
    what: 'an unknown encoding',
    body: tracesJson(good()),
    headers: { ...JSON_TYPE, 'content-encoding': 'br' },
    status: 415,
    says: /'br'.*gzip/,
  },
  { what: 'garbage as gzip', body: traces(good()), headers: { ...PROTOBUF_TYPE, ...GZIP }, status: 400, says: /gzip/ },
  {
    what: 'truncated gzip',
    body: gzipSync(traces(good())).subarray(0, -9),
    headers: { ...PROTOBUF_TYPE, ...GZIP },
    status: 400,
    says: /gzip/,
  },
  {
    what: 'a body that is too large',
    body: Buffer.alloc(LIMIT + 1, ' '),
    headers: JSON_TYPE,
    status: 413,
    says: /100000 bytes.*ingest\.maxBodyBytes/,
  },
  {
    what: 'a body that is too large when unpacked',
    body: gzipSync(Buffer.alloc(50 * LIMIT)),
    headers: { ...PROTOBUF_TYPE, ...GZIP },
    status: 413,
    says: /100000 bytes.*ingest\.maxBodyBytes/,
  },
]

for (const { what, body, headers, status, says } of refused) {
  test(`answers ${status} to ${what}, in the encoding of the request`, async () => {
    const answer = await post(running, body, headers)
    expect(answer.status).toBe(status)
    const message = await messageOf(answer, headers)
    expect(message).toMatch(says)
    expect(message).not.toMatch(/\n|node_modules|\.ts:\d/)
  })
}

const elsewhere = [
  { method: 'GET', path: '/v1/traces', status: 405 },
  { method: 'PUT', path: '/v1/traces', status: 405 },
  { method: 'GET', path: '/v1/metrics', status: 405 },
  { method: 'POST', path: '/v1/profiles', status: 404 },
  { method: 'POST', path: '/v1/traces/', status: 404 },
  { method: 'GET', path: '/%00%ff/../..//', status: 404 },
]
test('answers other methods and paths with their status and a message', async () => {
  for (const { method, path, status } of elsewhere) {
    const answer = await fetch(running.ingest + path, { method })
    expect({ method, path, status: answer.status }).toEqual({ method, path, status })
    expect(await answer.json()).toMatchObject({ message: expect.any(String) })
  }
})

test('survives what is no HTTP at all', async () => {
  const hostile = [
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'GET\r\n\r\n',
    `POST / HTTP/1.1\r\nX: ${'x'.repeat(1e6)}`,
  ]
  for (const url of [running.ingest, running.api]) {
    for (const text of hostile) {
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      const closed = new Promise((resolve) => socket.on('error', () => {}).on('close', resolve))
      socket.resume().write(text, 'latin1')
      await closed
    }
  }
})

for (const [encode, headers] of [
  [tracesJson, JSON_TYPE],
  [traces, PROTOBUF_TYPE],
] as const) {
  test(`stores the good spans beside those without ids and says how many it left out, as ${headers['content-type']}`, async () => {
    const traceId = newTraceId()
    const { traceId: _, ...nameless } = root('nameless', traceId)
    const spans = [
      nameless,
      root('kept', traceId),
      { ...root('short', traceId), spanId: 'abcd' },
      root('x', '0'.repeat(32)),
    ]
    const answer = await post(running, encode([{ spans }]), headers)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, headers['content-type']])
    const body = Buffer.from(await answer.arrayBuffer())
    if (headers === JSON_TYPE) {
      const partialSuccess = { rejectedSpans: '3', errorMessage: expect.stringMatching(/\w/) }
      expect(JSON.parse(body.toString())).toEqual({ partialSuccess })
    } else {
      const partialSuccess = fieldsOf(fieldsOf(body).get(1) as Buffer)
      expect([partialSuccess.get(1), String(partialSuccess.get(2))]).toEqual([3, expect.stringMatching(/\w/)])
    }
    expect(await select(running, `SELECT SpanName FROM otel_traces WHERE TraceId = '${traceId}'`)).toEqual([
      { SpanName: 'kept' },
    ])
  })
}

test('makes a defined row of every odd span', async () => {
  const now = BigInt(Date.now()) * 1_000_000n
  const odd = {
    'end before start': { startNano: now, endNano: now - 5_000_000_000n },
    'no times': { startNano: 0n, endNano: 0n },
    'end of time': { startNano: 2n ** 64n - 1n, endNano: 2n ** 64n - 1n },
    'no attributes': { attributes: {} },
    'many attributes': {
      attributes: Object.fromEntries(Array.from({ length: 1_500 }, (_, index) => [`k${index}`, true])),
    },
    'unknown codes': { kind: 99, status: { code: 99, message: 'x' } },
  }
  const ids = Object.fromEntries(Object.keys(odd).map((name) => [name, newTraceId()]))
  for (const [name, different] of Object.entries(odd)) {
    const answer = await post(running, tracesJson([{ spans: [{ ...root(name, ids[name] as string), ...different }] }]))
    expect([name, answer.status, await answer.text()]).toEqual([name, 200, '{}'])
  }
  const rows = await select<{ SpanName: string; year: number; ms: number; attributes: number }>(
    running,
    `SELECT SpanName, toYear(Timestamp) AS year, Duration / 1e6 AS ms, length(SpanAttributes) AS attributes
     FROM otel_traces WHERE TraceId IN (${Object.values(ids).map((id) => `'${id}'`)})`,
  )
  const year = new Date().getUTCFullYear()
  const row = (SpanName: string) => rows.find((one) => one.SpanName === SpanName)
  expect(rows).toHaveLength(Object.keys(odd).length)
  expect(row('end before start')).toMatchObject({ year, ms: 0 })
  expect(row('no times')).toMatchObject({ year: 1970, ms: 0 })
  expect(row('end of time')).toMatchObject({ year: 2262, ms: 0 })
  expect(row('many attributes')).toMatchObject({ attributes: 1_500 })
  expect(row('no attributes')).toMatchObject({ attributes: 0 })
  expect((await cyclesOf(running)).map(({ cycle }) => cycle)).toContain('end before start')
})

test('stores text that is no UTF-8 as text that is', async () => {
  const traceId = newTraceId()
  const { name: _, ...one } = root('nameless', traceId)
  const invalid = Buffer.concat([...spanFields(one), bytes(5, Buffer.from('a\xffb', 'latin1'))])
  const body = bytes(1, bytes(2, bytes(2, invalid)))
  expect((await post(running, body, PROTOBUF_TYPE)).status).toBe(200)
  expect(await select(running, `SELECT SpanName FROM otel_traces WHERE TraceId = '${traceId}'`)).toEqual([
    { SpanName: 'a\ufffdb' },
  ])
  const lone = span({ ...one, spanId: 'aaaaaaaaaaaaaaaa', name: 'half a \ud800 pair' })
  const answer = await post(running, tracesJson([{ spans: [lone] }]))
  expect([answer.status < 500, await answer.json()]).toEqual([true, expect.any(Object)])
})

const NAMES = {
  escapes: '\x1b[2J\x1b[31mred\x1b]0;title\x07\x9b1m',
  lineBreaks: 'one\r\ntwo\u2028three\u0085four',
  markup: '<script>alert(1)</script>',
  reversed: 'abc\u202Edcba\u200Fx\u2066y',
  long: 'x'.repeat(10_000),
  zeroByte: 'a\0b\x07\x7f',
  option: '--json',
  injection: "'); DROP TABLE otel_traces; --",
  emoji: '👩‍👩‍👧 ‮日本',
}

test('shows hostile names, services, versions and messages in one line each, without doing what they say', async () => {
  const sent = new Map(Object.values(NAMES).map((name) => [name, newTraceId()]))
  for (const [name, traceId] of sent) {
    const resource = { 'service.name': name, 'service.version': name }
    const step = { ...root(name, traceId), spanId: 'aaaaaaaaaaaaaaaa', parentSpanId: SPAN_ID }
    const failed = { ...root(name, traceId), status: { code: 2, message: name } }
    const answer = await post(running, tracesJson([{ resource, spans: [failed, step] }]))
    expect([answer.status, await answer.text()]).toEqual([200, '{}'])
  }
  for (const [name, traceId] of sent) {
    expect(await cyclesOf(running, `&name=${encodeURIComponent(name)}`)).toMatchObject([{ cycle: name, traceId }])
  }
  const cycles = await ask(running, ['cycles', '--outcome', 'failed'])
  const shown = [
    cycles,
    await ask(running, ['stats', '--by', 'service', '--where', 'version=<script>alert(1)</script>']),
    await ask(running, ['cycle', sent.get(NAMES.escapes) as string]),
    await ask(running, ['cycles', '--', NAMES.option]),
    await ask(running, ['stats', '--', NAMES.lineBreaks]),
  ]
  const lines = ({ out }: { out: string }) => out.split('\n').length - 1
  expect(shown.map((one) => [one.code, one.err, lines(one)])).toEqual([
    [0, '', 1 + sent.size],
    [0, '', 2],
    [0, '', 6],
    [0, '', 2],
    [0, '', 2],
  ])
  for (const traceId of sent.values()) expect(cycles.out).toMatch(new RegExp(` ${traceId}$`, 'm'))
  for (const { out } of shown) expect(out.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
})
