import { once } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Running, startServer } from '#api/server.ts'
import { memoryBudget } from '#ingest/body/memory.ts'
import { type Incoming, receiveBody } from '#ingest/body/receive.ts'
import { BadInput, Unavailable } from '#model/errors.ts'

const LIMIT = 3_000_000
const budget = memoryBudget(64_000_000)
const bugs: unknown[] = []
/** How many bytes each request was said to have cost. */
const spent: number[] = []
let server: Running

/** Answers with a digest of what it has read. */
async function answer(incoming: Incoming): Promise<Response> {
  using memory = budget.hold('me')
  try {
    const body = await receiveBody(incoming, { maxBytes: LIMIT, memory, spent: (bytes) => spent.push(bytes) })
    return new Response(`${body.length} ${sum(body)}`)
  } catch (error) {
    if (error instanceof BadInput)
      return new Response(error.message, { status: error.code === 'too_large' ? 413 : 400 })
    if (error instanceof Unavailable) return new Response(error.message, { status: 503 })
    bugs.push(error)
    return new Response('bug', { status: 500 })
  }
}

function sum(body: Buffer): number {
  return body.reduce((total, byte, index) => (total + byte * ((index % 251) + 1)) % 1_000_003, 0)
}

beforeAll(async () => {
  server = await startServer({
    listen: { host: '127.0.0.1', port: 0 },
    option: 'listen',
    fetch: (_, { incoming }) => answer(incoming),
  })
})
beforeEach(() => {
  spent.length = 0
})
afterAll(async () => {
  await server.stop()
  expect(bugs).toEqual([])
  expect(budget.heldBytes()).toBe(0)
})

type Sent = { headers?: IncomingHttpHeaders; pieces: Buffer[] }

/** Sends pieces one after the other, all of them before it looks at the answer. */
async function send({ headers = {}, pieces }: Sent): Promise<[status: number | undefined, text: string]> {
  const sending = request(server.url, { method: 'POST', headers })
  const answered = once(sending, 'response')
  for (const piece of pieces) {
    if (!sending.write(piece)) await Promise.race([once(sending, 'drain'), answered])
    await new Promise((resolve) => setImmediate(resolve))
  }
  sending.end()
  const [response] = await answered
  let text = ''
  for await (const chunk of response) text += chunk
  return [response.statusCode, text]
}

/** Text that looks like telemetry: compresses about ten to one. */
function telemetry(length: number): Buffer {
  let text = ''
  for (let index = 0; text.length < length; index += 1)
    text += `{"traceId":"${(index * 7_919).toString(16)}","name":"GET"},`
  return Buffer.from(text.slice(0, length))
}

function cut(body: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(body.length / size) }, (_, index) =>
    body.subarray(index * size, (index + 1) * size),
  )
}

const announced = (body: Buffer) => ({ 'content-length': String(body.length) })
const GZIP = { 'content-encoding': 'gzip' }
const lengths = [0, 1, 5_000, 65_536, 170_000, 1_048_576, 1_048_577, LIMIT]

describe('reads a body', () => {
  test.each(lengths)('of %d bytes, announced or not, compressed or not', async (length) => {
    const body = telemetry(length)
    const packed = gzipSync(body)
    const said = [200, `${length} ${sum(body)}`]
    expect(await send({ headers: announced(body), pieces: [body] })).toEqual(said)
    expect(await send({ pieces: cut(body, 50_000) })).toEqual(said)
    expect(await send({ headers: { ...GZIP, ...announced(packed) }, pieces: [packed] })).toEqual(said)
    expect(await send({ headers: GZIP, pieces: cut(packed, 20_000) })).toEqual(said)
    expect(spent).toEqual([length, length, Math.max(length, packed.length), Math.max(length, packed.length)])
  })

  test('that hardly compresses', async () => {
    const body = Buffer.from(Array.from({ length: 900_000 }, (_, index) => (index * index * 2_654_435_761) >>> 13))
    const packed = gzipSync(body)
    expect(packed.length).toBeGreaterThan(131_072)
    expect(await send({ headers: GZIP, pieces: cut(packed, 30_000) })).toEqual([200, `${body.length} ${sum(body)}`])
  })

  test('that is small, but not what is in it', async () => {
    const noise = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * index * 2_654_435_761) >>> 13))
    const body = Buffer.concat([noise, telemetry(2_000_000).fill(' ', 100_000)])
    const packed = gzipSync(body)
    expect(packed.length).toBeGreaterThan(65_536)
    expect(packed.length).toBeLessThan(131_072)
    expect(await send({ headers: GZIP, pieces: cut(packed, 10_000) })).toEqual([200, `${body.length} ${sum(body)}`])
  })

  test('in several gzip members, small and large', async () => {
    for (const length of [1_000, 2_000_000]) {
      const body = telemetry(length)
      const members = Buffer.concat(cut(body, length / 4).map((part) => gzipSync(part)))
      expect(await send({ headers: GZIP, pieces: [members] })).toEqual([200, `${length} ${sum(body)}`])
    }
  })

  test('whose gzip ends with another length than its own', async () => {
    const body = telemetry(100_000)
    for (const stated of [0, 1, 99_999, 1_048_577, 4_000_000_000]) {
      const packed = Buffer.concat([gzipSync(body), Buffer.alloc(8)])
      packed.writeUInt32LE(stated, packed.length - 4)
      expect(await send({ headers: GZIP, pieces: [packed] })).toEqual([200, `${body.length} ${sum(body)}`])
    }
  })
})

const large = gzipSync(telemetry(2_900_000), { level: 0 })

describe('answers 400 to gzip', () => {
  test.each([
    ['that is none', [Buffer.from('{"resourceSpans":[]}')], 'incorrect header check'],
    ['of nothing', [], 'unexpected end of file'],
    ['cut short', [gzipSync(telemetry(1_000)).subarray(0, -9)], 'unexpected end of file'],
    ['cut short when large', cut(large.subarray(0, -9), 65_536), 'unexpected end of file'],
    ['damaged', [damaged(gzipSync(telemetry(1_000)), -5)], 'incorrect data check'],
    ['damaged when large', cut(damaged(Buffer.from(large), -5), 65_536), 'incorrect data check'],
    ['with garbage behind', [gzipSync(telemetry(1_000)), Buffer.from('garbage')], 'incorrect header check'],
    ['with garbage behind when large', [large, Buffer.from('garbage')], 'incorrect header check'],
    [
      'with a broken member behind',
      [gzipSync(telemetry(9)), Buffer.from([0x1f, 0x8b, 9, 0, 0, 0, 0, 0, 0, 0])],
      'unknown compression method',
    ],
  ])('%s', async (_, pieces, reason) => {
    expect(await send({ headers: GZIP, pieces })).toEqual([400, `the body is not valid gzip: ${reason}`])
  })

  function damaged(body: Buffer, at: number): Buffer {
    body[body.length + at] = (body.at(at) as number) ^ 1
    return body
  }
})

test('takes zeros behind gzip for padding, and comes to an end whatever follows them', async () => {
  for (const body of [telemetry(1_000), telemetry(2_900_000)]) {
    const said = [200, `${body.length} ${sum(body)}`]
    const packed = gzipSync(body, { level: 0 })
    expect(await send({ headers: GZIP, pieces: [packed, Buffer.alloc(1_000)] })).toEqual(said)
    const more = Array.from({ length: 5 }, () => Buffer.alloc(10_000))
    expect(await send({ headers: GZIP, pieces: [...cut(packed, 60_000), ...more] })).toEqual(said)
  }
})

const TOO_LARGE = `the body is larger than ${LIMIT} bytes`

describe('answers 413 to a sender that reads only when it has sent everything', () => {
  test.each([
    ['announced', (body: Buffer) => ({ headers: announced(body), pieces: [body] })],
    ['in chunks', (body: Buffer) => ({ pieces: cut(body, 65_536) })],
    ['in chunks of gzip', (body: Buffer) => ({ headers: GZIP, pieces: cut(gzipSync(body, { level: 0 }), 65_536) })],
  ])('too much, %s', async (_, sent) => {
    const [status, text] = await send(sent(Buffer.alloc(5 * LIMIT, ' ')))
    expect([status, text]).toEqual([413, expect.stringContaining(TOO_LARGE)])
  })

  test('one byte too much', async () => {
    const body = telemetry(LIMIT + 1)
    expect((await send({ headers: announced(body), pieces: [body] }))[0]).toBe(413)
    expect((await send({ pieces: cut(body, 65_536) }))[0]).toBe(413)
    expect(await send({ headers: GZIP, pieces: [gzipSync(body)] })).toEqual([
      413,
      expect.stringContaining(`${TOO_LARGE} decompressed; send less at once`),
    ])
  })
})

test('decompresses a gzip bomb no further than the limit, and charges for it', async () => {
  const bomb = gzipSync(Buffer.alloc(100_000_000, ' '))
  const answers = await Promise.all(Array.from({ length: 5 }, () => send({ headers: GZIP, pieces: [bomb] })))
  expect(answers.map(([status]) => status)).toEqual(Array(5).fill(413))
  for (const bytes of spent) {
    expect(bytes).toBeLessThanOrEqual(LIMIT)
    expect(bytes).toBeGreaterThan(LIMIT - 200_000)
  }
})

test('answers 503 when there is no memory, and reads again when there is', async () => {
  const body = telemetry(500_000)
  const whole = { headers: announced(body), pieces: [body] }
  {
    using others = budget.hold('others')
    others.take(31_900_000)
    using mine = budget.hold('me')
    mine.take(15_900_000)
    expect((await send(whole))[0]).toBe(503)
    expect((await send({ pieces: cut(body, 10_000) }))[0]).toBe(503)
    expect((await send({ headers: GZIP, pieces: [gzipSync(body)] }))[0]).toBe(503)
    expect((await send({ headers: GZIP, pieces: cut(large, 65_536) }))[0]).toBe(503)
  }
  expect((await send(whole))[0]).toBe(200)
})

test('gives the memory back when a sender hangs up, wherever that is', async () => {
  const before = spent.length
  const packed = gzipSync(telemetry(2_900_000), { level: 0 })
  const bodies = [
    [`Content-Length: ${LIMIT}\r\n\r\n`, Buffer.alloc(2_000_000, ' ')],
    ['Transfer-Encoding: chunked\r\n\r\n5\r\n', Buffer.from('{"a":\r\n')],
    [`Content-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n`, packed.subarray(0, 1_000_000)],
    [`Content-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n`, packed.subarray(0, 500)],
  ] as const
  for (const [headers, part] of bodies) {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\n${headers}`)
    await new Promise((resolve) => socket.write(part, resolve))
    socket.destroy()
  }
  await expect.poll(() => spent.length, { timeout: 10_000 }).toBe(before + bodies.length)
  await expect.poll(() => budget.heldBytes(), { timeout: 10_000 }).toBe(0)
})

test('says so when the sender is gone already', async () => {
  using memory = budget.hold('me')
  const gone: Incoming = Object.assign(new PassThrough(), { headers: {} })
  gone.destroy()
  await expect(receiveBody(gone, { maxBytes: LIMIT, memory })).rejects.toThrow('the body was not sent to its end')
})

test.each(['deflate', 'zstd', 'br', 'gzip, gzip', ''])('refuses the Content-Encoding %j', async (encoding) => {
  using memory = budget.hold('me')
  const incoming: Incoming = Object.assign(Readable.from([Buffer.from('{}')]), {
    headers: { 'content-encoding': encoding },
  })
  await expect(receiveBody(incoming, { maxBytes: LIMIT, memory })).rejects.toThrow(
    expect.objectContaining({
      code: 'unsupported',
      message: `the Content-Encoding is '${encoding}'; allowed are gzip and identity`,
    }),
  )
})

test('keeps the bodies of many requests at once apart', async () => {
  const bodies = Array.from({ length: 60 }, (_, index) =>
    telemetry(100_000 + index * 1_000).fill(index % 2 ? 'a' : 'b', 0, index),
  )
  const answers = await Promise.all(
    bodies.map((body, index) =>
      index % 3
        ? send({ headers: announced(body), pieces: cut(body, 40_000) })
        : send({ headers: GZIP, pieces: [gzipSync(body)] }),
    ),
  )
  expect(answers).toEqual(bodies.map((body) => [200, `${body.length} ${sum(body)}`]))
})
