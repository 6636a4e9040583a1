import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type Store, tracesRoute } from '#ingest/routes.ts'
import { BadInput, Unavailable } from '#model/errors.ts'
import { bytes, number, SPAN_ID, span, TRACE_ID, traces, tracesJson } from '#test/ingest/otlp.ts'

const PROTOBUF = 'application/x-protobuf'
const JSON_TYPE = 'application/json'
const LIMIT = 10_000
const ONE = [{ spans: [span()] }]

/** A gateway whose store remembers what it was given. */
function gateway(store: Store = async () => {}) {
  const stored: { body: Buffer; encoding: string }[] = []
  const bugs: unknown[] = []
  const app = tracesRoute({
    maxBodyBytes: LIMIT,
    onError: (error) => bugs.push(error),
    store: async (body, encoding) => {
      await store(body, encoding)
      stored.push({ body, encoding })
    },
  })
  const post = (
    body: Buffer | string | ReadableStream,
    headers: Record<string, string> = { 'Content-Type': JSON_TYPE },
  ) =>
    app.request('/v1/traces', {
      method: 'POST',
      body: body as NonNullable<RequestInit['body']>,
      headers,
      duplex: 'half',
    } as RequestInit)
  return { app, post, stored, bugs }
}

const content = async (answer: Response) => Buffer.from(await answer.arrayBuffer())
const status = (code: number, message: string) => Buffer.concat([number(1, code), bytes(2, message)])

describe('a request in protobuf', () => {
  const headers = { 'Content-Type': PROTOBUF }

  test('is handed on as it came and answered with the empty message', async () => {
    const { post, stored } = gateway()
    const answer = await post(traces(ONE), headers)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, PROTOBUF])
    expect(await content(answer)).toEqual(Buffer.alloc(0))
    expect(stored).toEqual([{ body: traces(ONE), encoding: 'protobuf' }])
  })

  test('is answered with what was rejected', async () => {
    const { post, stored } = gateway()
    const body = traces([{ spans: [span(), {}] }])
    const answer = await post(body, headers)
    const message =
      `1 of 2 spans were not stored (the first at byte ${body.length}): a trace id has 16 bytes (32 hex digits in JSON), ` +
      'a span id 8 (16 digits), and not all of them are zero'
    expect(answer.status).toBe(200)
    expect(await content(answer)).toEqual(bytes(1, number(1, 1), bytes(2, message)))
    expect(stored).toHaveLength(1)
  })

  test('is not stored at all when it is malformed', async () => {
    const { post, stored, bugs } = gateway()
    const answer = await post(Buffer.concat([traces(ONE), Buffer.from([0x0a, 0x05])]), headers)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([400, PROTOBUF])
    const message = `resource_spans should be longer than the 0 bytes that are left (at byte ${traces(ONE).length + 1})`
    expect(await content(answer)).toEqual(status(3, message))
    expect([stored, bugs]).toEqual([[], []])
  })

  test('is a success when it is empty', async () => {
    const { post, stored } = gateway()
    expect((await post('', headers)).status).toBe(200)
    expect(stored).toEqual([])
  })
})

describe('a request in JSON', () => {
  test('is handed on as it came and answered with an empty object', async () => {
    const { post, stored } = gateway()
    const pretty = JSON.stringify(JSON.parse(tracesJson(ONE).toString()), null, 2)
    const answer = await post(pretty, { 'Content-Type': 'Application/JSON; charset=utf-8' })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, JSON_TYPE])
    expect(await answer.text()).toBe('{}')
    expect(stored).toEqual([{ body: Buffer.from(pretty), encoding: 'json' }])
  })

  test('is answered with what was rejected', async () => {
    const { post } = gateway()
    const answer = await post('{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}')
    expect(await answer.text()).toBe(
      '{"partialSuccess":{"rejectedSpans":"1","errorMessage":"1 of 1 spans were not stored (the first at byte 43): ' +
        'a trace id has 16 bytes (32 hex digits in JSON), a span id 8 (16 digits), and not all of them are zero"}}',
    )
  })

  test('is answered with a warning when its keys are in snake_case', async () => {
    const { post } = gateway()
    expect(await (await post('{"resource_spans":[]}')).text()).toBe(
      '{"partialSuccess":{"rejectedSpans":"0","errorMessage":"the key resource_spans was ignored: OTLP JSON spells it resourceSpans"}}',
    )
  })

  test('is not stored at all when it is malformed', async () => {
    const { post, stored } = gateway()
    const answer = await post('{"resourceSpans":5}')
    expect(answer.status).toBe(400)
    expect(await answer.text()).toBe(
      '{"code":3,"message":"resourceSpans has \'5\' where a list should be (at byte 17)"}',
    )
    expect(stored).toEqual([])
  })
})

const broken = (error: unknown) => async () => {
  throw error
}

test('answers 503 with Retry-After while the store is unavailable', async () => {
  const { post, bugs } = gateway(broken(new Unavailable('ClickHouse at http://x cannot be reached')))
  const answer = await post(tracesJson(ONE))
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
  expect(await answer.text()).toBe(
    '{"code":14,"message":"ClickHouse at http://x cannot be reached; send it again, what was stored of it is not stored twice"}',
  )
  expect(bugs).toEqual([])
})

test('answers 400 when the store cannot read the body after all', async () => {
  const { post } = gateway(broken(new BadInput('the body cannot be stored')))
  const answer = await post(traces(ONE), { 'Content-Type': PROTOBUF })
  expect(answer.status).toBe(400)
  expect(await content(answer)).toEqual(status(3, 'the body cannot be stored'))
})

test('answers 500 without internals and reports a bug', async () => {
  const bug = new TypeError('secret is not a function')
  const { post, bugs } = gateway(broken(bug))
  const answer = await post(tracesJson(ONE))
  expect(answer.status).toBe(500)
  expect(await answer.text()).toBe('{"code":13,"message":"the server failed to handle the request; its log says why"}')
  expect(bugs).toEqual([bug])
})

test('answers only when the store is done', async () => {
  const done = Promise.withResolvers<void>()
  const answer = gateway(() => done.promise).post(tracesJson(ONE))
  expect(await Promise.race([answer, 'not yet'])).toBe('not yet')
  done.resolve()
  expect((await answer).status).toBe(200)
})

test.each([
  ['text/plain', "the Content-Type is 'text/plain'; allowed are application/x-protobuf and application/json"],
  [
    'application/jsonp',
    "the Content-Type is 'application/jsonp'; allowed are application/x-protobuf and application/json",
  ],
  [null, 'there is no Content-Type; allowed are application/x-protobuf and application/json'],
])('answers 415 when the Content-Type is %s', async (type, message) => {
  const answer = await gateway().post(tracesJson(ONE), type === null ? {} : { 'Content-Type': type })
  expect(answer.status).toBe(415)
  expect(await answer.json()).toEqual({ code: 3, message })
})

test.each(['deflate', 'zstd', 'br', 'gzip, gzip', 'x'])(
  'answers 415 when the Content-Encoding is %s',
  async (compression) => {
    const answer = await gateway().post(tracesJson(ONE), { 'Content-Type': JSON_TYPE, 'Content-Encoding': compression })
    expect(answer.status).toBe(415)
    expect(await answer.json()).toEqual({
      code: 3,
      message: `the Content-Encoding is '${compression}'; allowed are gzip and identity`,
    })
  },
)

test.each(['GET', 'PUT', 'DELETE', 'OPTIONS'])('answers 405 to %s', async (method) => {
  const answer = await gateway().app.request('/v1/traces', { method })
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
  expect(await answer.json()).toMatchObject({
    code: 12,
    message: `${method} is not allowed here; send traces with POST`,
  })
})

test.each([
  ['/v1/metrics', 'metrics are not accepted yet; traces are, at POST /v1/traces'],
  ['/v1/logs', 'logs are not accepted yet; traces are, at POST /v1/traces'],
  ['/v1/traces/', 'there is nothing at /v1/traces/; traces are accepted at POST /v1/traces'],
  ['/', 'there is nothing at /; traces are accepted at POST /v1/traces'],
])('answers 404 at %s', async (path, message) => {
  const answer = await gateway().app.request(path, { method: 'POST', headers: { 'Content-Type': PROTOBUF } })
  expect(answer.status).toBe(404)
  expect(await content(answer)).toEqual(status(5, message))
})

const GZIP = { 'Content-Type': JSON_TYPE, 'Content-Encoding': 'gzip' }

test('accepts gzip, also in several members', async () => {
  const { post, stored } = gateway()
  const body = tracesJson(ONE)
  expect((await post(gzipSync(body), GZIP)).status).toBe(200)
  const members = Buffer.concat([gzipSync(body.subarray(0, 50)), gzipSync(body.subarray(50))])
  expect((await post(members, { ...GZIP, 'Content-Encoding': 'GZip' })).status).toBe(200)
  expect(stored.map((one) => one.body)).toEqual([body, body])
})

test.each([
  ['no gzip', Buffer.from('{}'), /^the body is not valid gzip: incorrect header check$/],
  ['cut gzip', gzipSync(tracesJson(ONE)).subarray(0, -9), /^the body is not valid gzip: unexpected end of file$/],
  ['gzip of nothing', Buffer.alloc(0), /^the body is not valid gzip: unexpected end of file$/],
  [
    'gzip with a wrong checksum',
    damaged(gzipSync(tracesJson(ONE)), -5),
    /^the body is not valid gzip: incorrect data check$/,
  ],
])('answers 400 to %s', async (_, body, reason) => {
  const answer = await gateway().post(body, GZIP)
  expect(answer.status).toBe(400)
  expect(await answer.json()).toMatchObject({ message: expect.stringMatching(reason) })
})

function damaged(body: Buffer, at: number): Buffer {
  body[body.length + at] = (body.at(at) as number) ^ 1
  return body
}

const padded = (length: number) => Buffer.from(`{"x":"${'a'.repeat(length - 8)}"}`)
const chunked = (body: Buffer) => new Blob([new Uint8Array(body)]).stream()
const bomb = gzipSync(padded(20_000_000))

test.each([
  ['of exactly the limit', padded(LIMIT), {}, 200],
  ['one byte too large', padded(LIMIT + 1), {}, 413],
  ['too large, of unknown length', chunked(padded(LIMIT + 1)), {}, 413],
  ['of exactly the limit, of unknown length', chunked(padded(LIMIT)), {}, 200],
  ['of exactly the limit when decompressed', gzipSync(padded(LIMIT)), { 'Content-Encoding': 'gzip' }, 200],
  ['one byte too large when decompressed', gzipSync(padded(LIMIT + 1)), { 'Content-Encoding': 'gzip' }, 413],
  ['that is a gzip bomb', bomb.subarray(0, LIMIT), { 'Content-Encoding': 'gzip' }, 413],
  ['that says it is too large', Buffer.from('{}'), { 'Content-Length': String(LIMIT + 1) }, 413],
])('answers a body %s', async (_, body, headers, expected) => {
  const answer = await gateway().post(body, { 'Content-Type': JSON_TYPE, ...headers })
  expect(answer.status).toBe(expected)
  if (expected === 413) {
    expect(await answer.text()).toMatch(
      /^\{"code":8,"message":"the body is larger than 10000 bytes( decompressed)?; send less at once or raise the option ingest\.maxBodyBytes"\}$/,
    )
  }
})

test('stores the good spans of a body with hostile neighbours', async () => {
  const { post, stored } = gateway()
  const hostile = [
    span({ endNano: 0n }),
    span({ startNano: 2n ** 64n - 1n }),
    span(),
    span(),
    { traceId: TRACE_ID.slice(2), spanId: SPAN_ID },
  ]
  const answer = await post(tracesJson([{ spans: hostile }]))
  expect(await answer.json()).toMatchObject({ partialSuccess: { rejectedSpans: '1' } })
  expect(stored).toHaveLength(1)
})
