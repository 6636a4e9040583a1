import { once } from 'node:events'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Running, startServer } from '#api/server.ts'
import { tracesRoute } from '#ingest/routes.ts'
import { span, traces, tracesJson } from '#test/ingest/otlp.ts'

const LIMIT = 1_000_000
const bugs: unknown[] = []
let stored = 0
let server: Running

beforeAll(async () => {
  const store = async () => {
    stored += 1
  }
  const { fetch } = tracesRoute({ store, maxBodyBytes: LIMIT, onError: (error) => bugs.push(error) })
  server = await startServer({ listen: { host: '127.0.0.1', port: 0 }, option: 'ingest.listen', fetch })
})

afterAll(() => server.stop())

const post = (body: Buffer, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/v1/traces`, {
    method: 'POST',
    body: new Uint8Array(body),
    headers: { 'Content-Type': 'application/json', ...headers },
  })

/** Sends these bytes over a connection of their own and returns what comes back until it is closed. */
async function speak(text: string, { hangUp = false } = {}): Promise<string> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  let answer = ''
  socket.on('data', (data) => {
    answer += data
  })
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(text)
  if (hangUp) setTimeout(() => socket.destroy(), 50)
  await once(socket, 'close')
  return answer
}

const HEAD = 'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n'

test('stores what is sent over the network in both encodings, compressed or not', async () => {
  const before = stored
  const spans = [{ spans: [span()] }]
  const protobuf = { 'Content-Type': 'application/x-protobuf' }
  expect((await post(tracesJson(spans))).status).toBe(200)
  expect((await post(gzipSync(tracesJson(spans)), { 'Content-Encoding': 'gzip' })).status).toBe(200)
  expect((await post(traces(spans), protobuf)).status).toBe(200)
  expect((await post(gzipSync(traces(spans)), { ...protobuf, 'Content-Encoding': 'gzip' })).status).toBe(200)
  expect(stored - before).toBe(4)
})

test('answers 413 before the rest of a body that is too large has come', async () => {
  expect(await speak(`${HEAD}Content-Length: ${LIMIT * 100}\r\n\r\n{`)).toMatch(/^HTTP\/1\.1 413 /)
})

test('answers 413 to a sender that does not read before it has sent everything', async () => {
  const answers = await Promise.all([5, 10, 20].map((times) => post(Buffer.alloc(times * LIMIT, ' '))))
  expect(answers.map(({ status }) => status)).toEqual([413, 413, 413])
})

test('answers 413 to a body that grows too large in chunks', async () => {
  const chunk = `10000\r\n${'a'.repeat(0x10000)}\r\n`
  expect(await speak(`${HEAD}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(20)}0\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 413 /,
  )
})

test('answers 413 to gzip bombs without holding what is in them', async () => {
  const bomb = gzipSync(Buffer.alloc(100_000_000, ' '))
  const before = process.memoryUsage().rss
  const answers = await Promise.all(Array.from({ length: 20 }, () => post(bomb, { 'Content-Encoding': 'gzip' })))
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(413))
  expect(process.memoryUsage().rss - before).toBeLessThan(250_000_000)
})

test('survives senders that hang up in the middle of a body', async () => {
  const before = stored
  const bodies = [`Content-Length: 5000\r\n\r\n{"a":`, 'Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n', '']
  await Promise.all(bodies.map((rest) => speak(`${HEAD}${rest}`, { hangUp: true })))
  expect((await post(tracesJson([{ spans: [span()] }]))).status).toBe(200)
  expect(stored - before).toBe(1)
  expect(bugs).toEqual([])
})

test('answers every one of many requests at once', async () => {
  const body = tracesJson([{ spans: Array.from({ length: 50 }, () => span()) }])
  const answers = await Promise.all(Array.from({ length: 100 }, () => post(body)))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
})
