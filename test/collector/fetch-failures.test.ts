import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { cycle, type FetchOptions } from '#collector/collector.ts'
import { type FetchingJob, phases, startFetchingJob, sum } from '#test/collector/fetching.ts'
import { deadUrl } from '#test/collector/receiver.ts'

let job: FetchingJob

beforeAll(async () => {
  job = await startFetchingJob()
})
afterEach(() => job.afterEach())
afterAll(() => job.stop())

test('says that nobody listens', async () => {
  const url = await deadUrl()
  const { error, span } = await job.failure(`${url}/?key=k1`)
  expect(error).toMatchObject({
    name: 'NetworkError',
    code: 'ECONNREFUSED',
    message: `GET ${url}/?key=REDACTED failed: nothing accepts connections there (ECONNREFUSED)`,
  })
  expect(span).toMatchObject({
    status: { code: 2, message: error.message },
    attributes: { 'error.type': 'ECONNREFUSED' },
  })
  expect(Object.keys(phases(span)).toSorted()).toEqual(['connect', 'dns', 'queue'])
  expect(JSON.stringify(span)).not.toContain('k1')
})

test('says that the host is unknown', async () => {
  const { error, span } = await job.failure('http://coins.invalid/')
  expect(['ENOTFOUND', 'EAI_AGAIN']).toContain(error.code)
  expect(span.attributes['error.type']).toBe(error.code)
  expect(Object.keys(phases(span)).toSorted()).toEqual(['dns', 'queue'])
  expect(sum(phases(span))).toBeCloseTo(span.durationMs, 1)
})

test('says that the answer broke off', async () => {
  const url = await job.upstream(async (_, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('only this')
    await sleep(30)
    response.socket?.destroy()
  })
  const { error, span } = await job.failure(url)
  expect(error.code).toBe('ECONNRESET')
  expect(span.attributes).toMatchObject({
    'http.response.status_code': 200,
    'http.response.body.size': 9,
    'error.type': 'ECONNRESET',
  })
  expect(phases(span).download).toBeGreaterThan(0)
})

test('says that the answer is not HTTP', async () => {
  const server = createServer((socket) => void socket.end('SSH-2.0-nonsense\r\n')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { error, span } = await job.failure(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  server.close()
  expect(error).toMatchObject({ code: 'BAD_RESPONSE', message: expect.stringMatching('does not match the HTTP') })
  expect(span.attributes['error.type']).toBe('BAD_RESPONSE')
})

test('says that the body is not what its encoding says', async () => {
  const url = await job.upstream((_, response) => response.setHeader('content-encoding', 'gzip').end('not gzip'))
  const { error, span } = await job.failure(url)
  expect(error).toMatchObject({ code: 'BAD_RESPONSE', message: expect.stringMatching('incorrect header check') })
  expect(span.status.code).toBe(2)
})

test("ends with the signal's reason when aborted while it waits for an answer", async () => {
  const url = await job.upstream(() => {})
  const controller = new AbortController()
  const reason = new Error('enough')
  setTimeout(() => controller.abort(reason), 40)
  const { error, span } = await job.failure(url, { signal: controller.signal })
  expect(error).toBe(reason)
  expect(span).toMatchObject({ status: { code: 2, message: 'enough' }, attributes: { 'error.type': 'Error' } })
})

test('is no attempt when aborted before it is sent', async () => {
  const reason = new Error('enough')
  const { error, span } = await job.failure(await deadUrl(), { signal: AbortSignal.abort(reason) })
  expect(error).toBe(reason)
  expect(span).toBeUndefined()
})

test('ends with the signal of a timeout while the body comes, which makes the cycle a timeout', async () => {
  const url = await job.upstream((_, response) => void response.writeHead(200).write('begun'))
  const running = cycle('coins', (run) => run.fetch(url, { signal: AbortSignal.timeout(60) }))
  await expect(running).rejects.toMatchObject({ name: 'TimeoutError' })
  await job.telemetry.flush()
  expect(job.receiver.one('coins').attributes['cycle.outcome']).toBe('timeout')
  expect(job.receiver.one('GET').attributes).toMatchObject({
    'error.type': 'TimeoutError',
    'http.response.body.size': 5,
  })
})

test('ends at once when aborted while it still waits for a connection', async () => {
  const mute = createServer(() => {}).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  const url = `https://127.0.0.1:${(mute.address() as AddressInfo).port}/`
  const { error, span } = await job.failure(url, { signal: AbortSignal.timeout(60) })
  mute.close()
  expect(error.name).toBe('TimeoutError')
  expect(phases(span).tls).toBeGreaterThan(0)
  expect(sum(phases(span))).toBeCloseTo(span.durationMs, 1)
})

test('takes a signal that many requests share', async () => {
  const url = await job.upstream((_, response) => response.end('x'))
  const warnings: Error[] = []
  const listen = (warning: Error) => void warnings.push(warning)
  process.on('warning', listen)
  const { signal } = new AbortController()
  await cycle('coins', (run) => Promise.all(Array.from({ length: 30 }, () => run.fetch(url, { signal }))))
  await sleep(1)
  process.removeListener('warning', listen)
  expect(warnings).toEqual([])
})

const bad: [what: string, url: unknown, options: unknown, message: RegExp][] = [
  ['a relative URL', '/coins?key=abc', {}, /'\/coins\?key=REDACTED' is not a URL/],
  ['another scheme', 'ftp://h.org/', {}, /allowed are http and https/],
  ['a URL that is none', 7, {}, /must be a text or a URL/],
  ['a method that is none', 'http://h.org', { method: 'GE T' }, /'GE T' is not an HTTP method/],
  ['a GET with a body', 'http://h.org', { body: 'x' }, /a GET request cannot have a body/],
  ['a body that is a stream', 'http://h.org', { method: 'PUT', body: new ReadableStream() }, /body must be/],
  ['a header that breaks the line', 'http://h.org', { headers: { 'x-a': 'b\r\nc: d' } }, /headers must be/],
  ['an empty template', 'http://h.org', { template: '' }, /template must be/],
  ['an unknown redirect', 'http://h.org', { redirect: 'maybe' }, /allowed are follow, manual, error/],
]

for (const [what, url, options, message] of bad) {
  test(`refuses ${what}`, async () => {
    const refused = cycle('coins', (run) => run.fetch(url as string, options as FetchOptions))
    await expect(refused).rejects.toMatchObject({ name: 'BadInput', message: expect.stringMatching(message) })
  })
}
