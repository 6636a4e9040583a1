import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Running, startServer } from '#api/server.ts'
import { type Gateway, openGateway } from '#ingest/gateway.ts'
import { span, traces, tracesJson } from '#test/ingest/otlp.ts'

const LIMIT = 1_000_000
const folder = mkdtempSync(join(tmpdir(), 'gateway-'))
const registry = new Registry()
const bugs: unknown[] = []
let inserted = 0
let gateway: Gateway
let server: Running

beforeAll(async () => {
  gateway = await openGateway({
    folder,
    limitBytes: 50 * LIMIT,
    insert: async (_, bodies) => {
      inserted += [...bodies].length
    },
    tokens: [],
    maxBodyBytes: LIMIT,
    bytesPerSecond: null,
    registry,
    tell: () => {},
    onError: (error) => bugs.push(error),
  })
  const { fetch, onDrop } = gateway
  const listen = { host: '127.0.0.1', port: 0 }
  server = await startServer({ listen, option: 'ingest.listen', fetch, connections: 200, onDrop })
})

afterAll(async () => {
  await server.stop()
  await gateway.close()
  rmSync(folder, { recursive: true })
  expect(bugs).toEqual([])
})

const post = (body: Buffer, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/v1/traces`, {
    method: 'POST',
    body: new Uint8Array(body),
    headers: { 'Content-Type': 'application/json', ...headers },
  })

/** Each is another body: the same one again would not be inserted. */
let last = 0
const another = () => [{ spans: [span({ name: `span ${++last}` })] }]

const stored = (count: number) => expect.poll(() => inserted, { timeout: 20_000 }).toBe(count)

/** Opens a connection of its own; what comes back on it until it is closed. */
async function dial(): Promise<{ write(text: string): void; hangUp(): void; answer: Promise<string> }> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  let answer = ''
  socket.on('data', (data) => {
    answer += data
  })
  socket.on('error', () => {})
  const closed = once(socket, 'close').then(() => answer)
  await once(socket, 'connect')
  return { write: (text) => socket.write(text), hangUp: () => socket.destroy(), answer: closed }
}

async function speak(text: string): Promise<string> {
  const line = await dial()
  line.write(text)
  return line.answer
}

const HEAD = 'POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n'

test('stores what is sent over the network in both encodings, compressed or not', async () => {
  const before = inserted
  const protobuf = { 'Content-Type': 'application/x-protobuf' }
  const gzip = { 'Content-Encoding': 'gzip' }
  expect((await post(tracesJson(another()))).status).toBe(200)
  expect((await post(gzipSync(tracesJson(another())), gzip)).status).toBe(200)
  expect((await post(traces(another()), protobuf)).status).toBe(200)
  expect((await post(gzipSync(traces(another())), { ...protobuf, ...gzip })).status).toBe(200)
  await stored(before + 4)
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

test('stores nothing of senders that hang up in the middle of a body, and goes on', async () => {
  const before = inserted
  for (const rest of [`Content-Length: 5000\r\n\r\n{"a":`, 'Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n', '']) {
    const line = await dial()
    line.write(`${HEAD}${rest}`)
    line.hangUp()
    await line.answer
  }
  expect((await post(tracesJson(another()))).status).toBe(200)
  await stored(before + 1)
  expect(bugs).toEqual([])
})

test('answers every one of many requests at once, and stores all of them', async () => {
  const before = inserted
  const bodies = Array.from({ length: 100 }, () => tracesJson(another()))
  const answers = await Promise.all(bodies.map((body) => post(body)))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  await stored(before + bodies.length)
})

test('counts the connections it closes because there are too many, and goes on', async () => {
  const lines = await Promise.all(Array.from({ length: 260 }, dial))
  await expect
    .poll(() => registry.metrics(), { timeout: 20_000 })
    .toMatch(/^cyclewatch_ingest_connections_refused_total [1-9]/m)
  for (const line of lines) line.hangUp()
  await Promise.all(lines.map(({ answer }) => answer))
  const body = tracesJson(another())
  await expect.poll(() => post(body).then(({ status }) => status, String), { timeout: 20_000 }).toBe(200)
})

test('shows in its metrics what it took', async () => {
  await expect
    .poll(() => registry.metrics(), { timeout: 20_000 })
    .toMatch(/^cyclewatch_spool_segments\{signal="traces"\} 0$/m)
  const text = await registry.metrics()
  expect(text).toMatch(/^cyclewatch_ingest_requests_total\{signal="traces",status="200"\} 1\d\d$/m)
  expect(text).toMatch(/^cyclewatch_ingest_requests_total\{signal="traces",status="413"\} 25$/m)
  expect(text).toMatch(new RegExp(`^cyclewatch_ingest_items_total\\{signal="traces"\\} ${last}$`, 'm'))
  expect(text).toMatch(new RegExp(`^cyclewatch_ingest_inserted_items_total\\{signal="traces"\\} ${last}$`, 'm'))
})
