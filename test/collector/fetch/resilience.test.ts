// What run.fetch does about answers that do not come as they should: over real connections, as spans tell it.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { fetchPolicy } from '#collector/collector.ts'
import { reset, silence, startTrouble, status, type Trouble, told } from '#test/collector/fetch/trouble.ts'
import { phases } from '#test/collector/fetching.ts'

let job: Trouble
const run: Trouble['run'] = (...given) => job.run(...given)
const upstream: Trouble['upstream'] = (...answers) => job.upstream(...answers)

beforeAll(async () => {
  job = await startTrouble()
})
afterEach(() => job.afterEach())
afterAll(() => job.stop())

test('tries again after what passes, one span for each attempt and each wait', async () => {
  const { url } = await upstream(status(503), reset, status(200))
  const { value, root, steps } = await run((run) => run.fetch(url))
  expect(value?.status).toBe(200)
  expect(told(steps)).toEqual(['503', 'backoff', 'ECONNRESET', 'backoff', '200'])
  const resent = steps.map(({ attributes }) => attributes['http.request.resend_count'])
  expect(resent.filter((_, index) => index % 2 === 0)).toEqual([undefined, 1, 2])
  expect(root.attributes).toMatchObject({ 'cycle.outcome': 'ok', 'cycle.calls': 3, 'cycle.retries': 2 })
  expect(root.attributes['cycle.wait_ms']).toBeGreaterThan(0)
})

test('hands out the last answer when it gives up, and throws what the last attempt died of', async () => {
  const failing = await upstream(status(503))
  const answered = await run((run) => run.fetch(failing.url))
  expect(answered.value?.status).toBe(503)
  expect(failing.seen).toHaveLength(4)
  const dying = await upstream(reset)
  const lost = await run((run) => run.fetch(dying.url, { retries: 1 }))
  expect(lost.error).toMatchObject({ name: 'NetworkError', code: 'ECONNRESET' })
  expect(dying.seen).toHaveLength(2)
})

test('does not send twice what must not be done twice, unless the caller says it may be', async () => {
  const post = { method: 'POST', body: '{}' }
  const first = await upstream(reset, status(200))
  const { error } = await run((run) => run.fetch(first.url, post))
  expect(error).toMatchObject({ code: 'ECONNRESET' })
  const second = await upstream(reset, status(200))
  const { value } = await run((run) => run.fetch(second.url, { ...post, idempotent: true }))
  expect(value?.status).toBe(200)
  expect([first.seen.length, second.seen.length]).toEqual([1, 2])
})

test('waits as long as Retry-After asks', async () => {
  const { url } = await upstream(status(429, { 'retry-after': '1' }), status(200))
  const { steps } = await run((run) => run.fetch(url))
  expect(told(steps)).toEqual(['429', 'backoff', '200'])
  expect(steps[1]?.durationMs).toBeGreaterThanOrEqual(999)
})

test('gives up at once when Retry-After asks for more than the budget has', async () => {
  const { url, seen } = await upstream(status(429, { 'retry-after': '60' }))
  const { value, steps } = await run((run) => run.fetch(url), { budgetMs: 30_000 })
  expect(value?.status).toBe(429)
  expect(told(steps)).toEqual(['429'])
  expect(seen).toHaveLength(1)
})

const TIMEOUTS = { connectMs: 20_000, firstByteMs: 20_000, idleMs: 20_000, totalMs: 20_000 }

test('gives an answer up that does not begin in time, tries once more, and says what it waited for', async () => {
  const { url, seen } = await upstream(silence)
  const { error, root, steps } = await run((run) => run.fetch(url, { timeouts: { ...TIMEOUTS, firstByteMs: 60 } }))
  expect(error).toMatchObject({
    code: 'ETIMEDOUT',
    message: `GET ${url}/ failed: its answer did not begin within 60 ms (ETIMEDOUT)`,
  })
  expect(told(steps)).toEqual(['ETIMEDOUT', 'backoff', 'ETIMEDOUT'])
  expect(phases(steps[0]).ttfb).toBeGreaterThanOrEqual(59)
  expect(seen).toHaveLength(2)
  expect(root.attributes['cycle.outcome']).toBe('timeout')
})

test('gives an answer up that pauses, and one that drips for too long', async () => {
  const pausing = await upstream((_, response) => response.writeHead(200).write('a'))
  const paused = await run((run) => run.fetch(pausing.url, { retries: 0, timeouts: { ...TIMEOUTS, idleMs: 60 } }))
  expect(paused.error).toMatchObject({
    code: 'ETIMEDOUT',
    message: expect.stringContaining('paused for more than 60 ms'),
  })
  const dripping = await upstream((_, response) => {
    const drip = setInterval(() => response.write('a'), 10)
    response.on('close', () => clearInterval(drip))
  })
  const dripped = await run((run) => run.fetch(dripping.url, { retries: 0, timeouts: { ...TIMEOUTS, totalMs: 150 } }))
  expect(dripped.error).toMatchObject({ message: expect.stringContaining('took longer than 150 ms in all') })
  expect(phases(dripped.steps[0]).download).toBeGreaterThan(0)
})

test('gives a connection up that is not made in time, and says in which phase it hung', async () => {
  const sockets: Socket[] = []
  const mute = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  const url = `https://127.0.0.1:${(mute.address() as AddressInfo).port}`
  const timeouts = { ...TIMEOUTS, connectMs: 80 }
  const { error, steps } = await run((run) => run.fetch(url, { retries: 0, timeouts }))
  for (const socket of sockets) socket.destroy()
  mute.close()
  expect(error).toMatchObject({
    code: 'ETIMEDOUT',
    message: expect.stringContaining('there was no connection within 80 ms'),
  })
  expect(phases(steps[0]).tls).toBeGreaterThan(50)
})

test('ends everything when the budget of the cycle is used up', async () => {
  const { url, seen } = await upstream(status(503), silence)
  const { error, root, steps } = await run((run) => run.fetch(url), { budgetMs: 200 })
  expect(error).toMatchObject({ name: expect.stringMatching('TimeoutError|NetworkError') })
  expect(root.attributes['cycle.outcome']).toBe('timeout')
  expect(told(steps).slice(0, 2)).toEqual(['503', 'backoff'])
  expect(seen).toHaveLength(2)
  const again = await run(
    (run) => new Promise((_, reject) => run.signal.addEventListener('abort', () => reject(run.signal.reason))),
    {
      budgetMs: 20,
    },
  )
  expect(again.error).toMatchObject({ name: 'TimeoutError', message: "the cycle's budget of 20 ms is used up" })
})

test('gives up on a body beyond the limit, also one that only becomes so large when it is decoded', async () => {
  const fetch = fetchPolicy({ maxBytes: 100_000 })
  const long = await upstream((_, response) => response.end('a'.repeat(100_001)))
  const plain = await run((run) => run.fetch(long.url), { fetch })
  expect(plain.error).toMatchObject({
    code: 'BODY_TOO_LARGE',
    message: expect.stringContaining('larger than 100000 bytes'),
  })
  for (const [encoding, pack] of Object.entries({ gzip: gzipSync, br: brotliCompressSync, zstd: zstdCompressSync })) {
    const bomb = await upstream((_, response) => {
      response.setHeader('content-encoding', encoding).end(pack(Buffer.alloc(10_000_000)))
    })
    const { error, steps } = await run((run) => run.fetch(bomb.url), { fetch })
    expect(error).toMatchObject({ code: 'BODY_TOO_LARGE' })
    expect(told(steps)).toEqual(['200'])
  }
})
