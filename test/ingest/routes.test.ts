import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { check } from '#ingest/check/check.ts'
import { Unavailable } from '#model/errors.ts'
import { bytes, number, SPAN_ID, span, TRACE_ID, traces, tracesJson } from '#test/ingest/otlp.ts'
import { log, logs, logsJson } from '#test/ingest/otlp-logs.ts'
import { metric, metrics } from '#test/ingest/otlp-metrics.ts'
import { metricsJson } from '#test/ingest/otlp-metrics-json.ts'
import { fakeGateway, JSON_TYPE, LIMIT, PROTOBUF } from '#test/ingest/sending.ts'

const ONE = [{ spans: [span()] }]

const content = async (answer: Response) => Buffer.from(await answer.arrayBuffer())
const status = (code: number, message: string) => Buffer.concat([number(1, code), bytes(2, message)])

describe('a request in protobuf', () => {
  test('is handed on as it came and answered with the empty message', async () => {
    const { post, kept } = fakeGateway()
    const answer = await post(traces(ONE), PROTOBUF)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/x-protobuf'])
    expect(await content(answer)).toEqual(Buffer.alloc(0))
    expect(kept).toEqual([{ signal: 'traces', encoding: 'protobuf', body: traces(ONE), items: 1 }])
  })

  test('is answered with what was rejected', async () => {
    const { post, kept } = fakeGateway()
    const body = traces([{ spans: [span(), {}] }])
    const answer = await post(body, PROTOBUF)
    const message =
      `1 of 2 spans were not stored (the first at byte ${body.length}): a trace id has 16 bytes (32 hex digits in JSON), ` +
      'a span id 8 (16 digits), and not all of them are zero'
    expect(answer.status).toBe(200)
    expect(await content(answer)).toEqual(bytes(1, number(1, 1), bytes(2, message)))
    expect(kept).toMatchObject([{ items: 1 }])
  })

  test('is not kept at all when it is malformed', async () => {
    const { post, kept, bugs } = fakeGateway()
    const answer = await post(Buffer.concat([traces(ONE), Buffer.from([0x0a, 0x05])]), PROTOBUF)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'application/x-protobuf'])
    const message = `resource_spans should be longer than the 0 bytes that are left (at byte ${traces(ONE).length + 1})`
    expect(await content(answer)).toEqual(status(3, message))
    expect([kept, bugs]).toEqual([[], []])
  })

  test('is a success when it is empty', async () => {
    const { post, kept } = fakeGateway()
    expect((await post('', PROTOBUF)).status).toBe(200)
    expect(kept).toEqual([])
  })
})

describe('a request in JSON', () => {
  test('is handed on as it came and answered with an empty object', async () => {
    const { post, kept } = fakeGateway()
    const pretty = JSON.stringify(JSON.parse(tracesJson(ONE).toString()), null, 2)
    const answer = await post(pretty, { 'Content-Type': 'Application/JSON; charset=utf-8' })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(await answer.text()).toBe('{}')
    expect(kept).toEqual([{ signal: 'traces', encoding: 'json', body: Buffer.from(pretty), items: 1 }])
  })

  test('is answered with what was rejected', async () => {
    const { post, kept } = fakeGateway()
    const answer = await post('{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}')
    expect(await answer.text()).toBe(
      '{"partialSuccess":{"rejectedSpans":"1","errorMessage":"1 of 1 spans were not stored (the first at byte 43): ' +
        'a trace id has 16 bytes (32 hex digits in JSON), a span id 8 (16 digits), and not all of them are zero"}}',
    )
    expect(kept).toEqual([])
  })

  test('is answered with a warning when its keys are in snake_case', async () => {
    const { post } = fakeGateway()
    expect(await (await post('{"resource_spans":[]}')).text()).toBe(
      '{"partialSuccess":{"rejectedSpans":"0","errorMessage":"the key resource_spans was ignored: OTLP JSON spells it resourceSpans"}}',
    )
  })

  test('is not kept at all when it is malformed', async () => {
    const { post, kept } = fakeGateway()
    const answer = await post('{"resourceSpans":5}')
    expect(answer.status).toBe(400)
    expect(await answer.text()).toBe(
      '{"code":3,"message":"resourceSpans has \'5\' where a list should be (at byte 17)"}',
    )
    expect(kept).toEqual([])
  })
})

describe.each([
  ['traces', traces(ONE), tracesJson(ONE)],
  ['metrics', metrics([{ metrics: [metric()] }]), metricsJson([{ metrics: [metric()] }])],
  ['logs', logs([{ logs: [log()] }]), logsJson([{ logs: [log()] }])],
] as const)('/v1/%s', (signal, inProtobuf, inJson) => {
  const path = `/v1/${signal}`

  test('takes its signal in both encodings', async () => {
    const { send, kept, told } = fakeGateway()
    expect((await send({ path, headers: PROTOBUF, body: inProtobuf })).status).toBe(200)
    expect((await send({ path, headers: JSON_TYPE, body: inJson })).status).toBe(200)
    expect(kept).toEqual([
      { signal, encoding: 'protobuf', body: inProtobuf, items: 1 },
      { signal, encoding: 'json', body: inJson, items: 1 },
    ])
    const answered = { kind: 'answered', signal, status: 200, items: 1, rejected: 0, repeated: false }
    expect(told).toEqual([inProtobuf, inJson].map(({ length }) => ({ ...answered, bytes: length })))
  })

  test.each(['GET', 'PUT', 'DELETE', 'OPTIONS'])('answers 405 to %s', async (method) => {
    const answer = await fakeGateway().send({ path, method })
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
    const message = `${method} is not allowed here; send ${signal} with POST`
    expect(await answer.json()).toEqual({ code: 12, message })
  })

  test('answers a body that was accepted before with 200, and does not take it again', async () => {
    const { send, kept, told } = fakeGateway()
    for (const _ of [1, 2, 3]) expect((await send({ path, body: inJson })).status).toBe(200)
    expect(kept).toHaveLength(1)
    expect(told).toMatchObject([{ repeated: false }, { repeated: true }, { repeated: true }])
  })
})

test('takes a body written in the other encoding, or of another signal, for another one', async () => {
  const { send, kept } = fakeGateway()
  const body = '{"resourceSpans":[],"resourceLogs":[]}'
  for (const path of ['/v1/traces', '/v1/logs']) expect((await send({ path, body })).status).toBe(200)
  expect(kept).toEqual([])
  expect((await send({ path: '/v1/logs', body: tracesJson(ONE) })).status).toBe(200)
  expect(kept).toEqual([])
})

test.each([
  ['json', JSON_TYPE, tracesJson, '"[\\"a\\",\\"b\\"]"'],
  ['protobuf', PROTOBUF, traces, '["a","b"]'],
] as const)(
  'hands on a list in %s as a text in JSON, and knows the body again',
  async (encoding, headers, write, text) => {
    const { post, kept } = fakeGateway()
    const body = write([{ spans: [span({ attributes: { tags: ['a', 'b'] } })] }])
    for (const _ of [1, 2]) expect((await post(body, headers)).status).toBe(200)
    const copy = check('traces', encoding, Buffer.from(body)).body
    expect(copy.toString()).toContain(text)
    expect(kept).toEqual([{ signal: 'traces', encoding, body: copy, items: 1 }])
  },
)

const failing = (error: unknown) => fakeGateway({ accept: () => Promise.reject(error) })

test('answers 503 with Retry-After while the spool takes nothing', async () => {
  const { post, bugs, told } = failing(new Unavailable('the spool is full', { retryAfterSeconds: 2 }))
  const answer = await post(tracesJson(ONE))
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2'])
  expect(await answer.text()).toBe('{"code":14,"message":"the spool is full; send it again"}')
  const inProtobuf = await post(traces(ONE), PROTOBUF)
  expect([inProtobuf.status, inProtobuf.headers.get('retry-after')]).toEqual([503, '2'])
  expect(await content(inProtobuf)).toEqual(status(14, 'the spool is full; send it again'))
  expect(told).toMatchObject([{ status: 503 }, { status: 503 }])
  expect(bugs).toEqual([])
})

test('answers 500 without internals and reports a bug', async () => {
  const bug = new TypeError('secret is not a function')
  const { post, bugs, told } = failing(bug)
  const answer = await post(tracesJson(ONE))
  expect(answer.status).toBe(500)
  expect(await answer.text()).toBe('{"code":13,"message":"the server failed to handle the request; its log says why"}')
  expect(bugs).toEqual([bug])
  expect(told).toMatchObject([{ kind: 'answered', status: 500 }])
})

test('answers only when the body is safe, and gives its memory back only then', async () => {
  const done = Promise.withResolvers<'written'>()
  const accepting = Promise.withResolvers<void>()
  const { post, heldBytes } = fakeGateway({
    accept: () => {
      accepting.resolve()
      return done.promise
    },
  })
  const answer = post(tracesJson(ONE))
  await accepting.promise
  expect(await Promise.race([answer, 'not yet'])).toBe('not yet')
  expect(heldBytes()).toBeGreaterThan(0)
  done.resolve('written')
  expect((await answer).status).toBe(200)
  expect(heldBytes()).toBe(0)
})

test.each([
  ['text/plain', "the Content-Type is 'text/plain'; allowed are application/x-protobuf and application/json"],
  [
    'application/jsonp',
    "the Content-Type is 'application/jsonp'; allowed are application/x-protobuf and application/json",
  ],
  [null, 'there is no Content-Type; allowed are application/x-protobuf and application/json'],
])('answers 415 when the Content-Type is %s', async (type, message) => {
  const answer = await fakeGateway().post(tracesJson(ONE), type === null ? {} : { 'Content-Type': type })
  expect(answer.status).toBe(415)
  expect(await answer.json()).toEqual({ code: 3, message })
})

test('answers 415 when the Content-Encoding is another than gzip', async () => {
  const answer = await fakeGateway().post(tracesJson(ONE), { ...JSON_TYPE, 'Content-Encoding': 'zstd' })
  expect(answer.status).toBe(415)
  const message = "the Content-Encoding is 'zstd'; allowed are gzip and identity"
  expect(await answer.json()).toEqual({ code: 3, message })
})

test.each(['/v1/traces/', '/v1/profiles', '/'])('answers 404 at %s', async (path) => {
  const { send, told } = fakeGateway()
  const answer = await send({ path, headers: PROTOBUF })
  expect(answer.status).toBe(404)
  expect(await content(answer)).toEqual(
    status(5, `there is nothing at ${path}; send to /v1/traces, /v1/metrics, /v1/logs`),
  )
  expect(told).toEqual([])
})

const GZIP = { ...JSON_TYPE, 'Content-Encoding': 'gzip' }

test('takes a compressed body and a plain one for the same', async () => {
  const { post, kept } = fakeGateway()
  const body = tracesJson(ONE)
  expect((await post(gzipSync(body), GZIP)).status).toBe(200)
  expect((await post(body)).status).toBe(200)
  expect(kept.map((one) => one.body)).toEqual([body])
})

const padded = (length: number) => Buffer.from(`{"x":"${'a'.repeat(length - 8)}"}`)

test.each([
  ['of exactly the limit', padded(LIMIT), JSON_TYPE, 200],
  ['one byte too large', padded(LIMIT + 1), JSON_TYPE, 413],
  ['of exactly the limit, of unknown length', [padded(LIMIT)], JSON_TYPE, 200],
  ['one byte too large, of unknown length', [padded(LIMIT + 1)], JSON_TYPE, 413],
  ['of exactly the limit when decompressed', gzipSync(padded(LIMIT)), GZIP, 200],
  ['one byte too large when decompressed', gzipSync(padded(LIMIT + 1)), GZIP, 413],
  ['that says it is too large', Buffer.from('{}'), { ...JSON_TYPE, 'Content-Length': String(LIMIT + 1) }, 413],
])('answers a body %s', async (_, body, headers, expected) => {
  const { post, heldBytes } = fakeGateway()
  const answer = await post(body, headers)
  expect(answer.status).toBe(expected)
  expect(heldBytes()).toBe(0)
  if (expected === 413) {
    expect(await answer.text()).toMatch(
      /^\{"code":8,"message":"the body is larger than 10000 bytes( decompressed)?; send less at once or raise the option ingest\.maxBodyBytes"\}$/,
    )
  }
})

test('keeps the good spans of a body with hostile neighbours', async () => {
  const { post, kept } = fakeGateway()
  const hostile = [
    span({ endNano: 0n }),
    span({ startNano: 2n ** 64n - 1n }),
    span(),
    span(),
    { traceId: TRACE_ID.slice(2), spanId: SPAN_ID },
  ]
  const answer = await post(tracesJson([{ spans: hostile }]))
  expect(await answer.json()).toMatchObject({ partialSuccess: { rejectedSpans: '1' } })
  expect(kept).toMatchObject([{ items: 4 }])
})
