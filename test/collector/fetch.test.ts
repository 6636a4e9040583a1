import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { cycle } from '#collector/collector.ts'
import { type FetchingJob, phases, startFetchingJob, sum } from '#test/collector/fetching.ts'

let job: FetchingJob

beforeAll(async () => {
  job = await startFetchingJob()
})
afterEach(() => job.afterEach())
afterAll(() => job.stop())

test('tells all of one attempt and gives a whole answer', async () => {
  const url = await job.upstream((_, response) => {
    response.setHeader('content-type', 'application/json').setHeader('set-cookie', ['a=1', 'b=2']).end('{"price":7}')
  })
  const { result, spans, root } = await job.fetched(`${url}/coins/7?token=abc&page=1`, { template: '/coins/{id}' })
  expect(result).toMatchObject({ status: 200, ok: true, url: `${url}/coins/7?token=abc&page=1` })
  expect(await result?.json()).toEqual({ price: 7 })
  expect(await result?.text()).toBe('{"price":7}')
  expect(Buffer.from((await result?.bytes()) ?? []).toString()).toBe('{"price":7}')
  expect(result?.headers.get('content-type')).toBe('application/json')
  expect(result?.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  const [span] = spans
  expect(span).toMatchObject({ name: 'GET /coins/{id}', kind: 3, status: { code: 0 }, parentSpanId: root.spanId })
  expect(span?.attributes).toMatchObject({
    'cycle.name': 'coins',
    'step.kind': 'fetch',
    'http.request.method': 'GET',
    'url.full': `${url}/coins/7?token=REDACTED&page=1`,
    'url.template': '/coins/{id}',
    'server.address': '127.0.0.1',
    'server.port': Number(new URL(url).port),
    'http.response.status_code': 200,
    'network.protocol.version': '1.1',
    'network.connection.reused': false,
    'http.response.body.size': 11,
  })
  for (const absent of ['http.request.resend_count', 'http.request.body.size', 'error.type']) {
    expect(span?.attributes).not.toHaveProperty(absent)
  }
  expect(root.attributes).toMatchObject({ 'cycle.calls': 1, 'cycle.retries': 0, 'cycle.bytes.received': 11 })
})

test('sends method, headers and body, and counts the bytes', async () => {
  const heard: unknown[] = []
  const url = await job.upstream(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    heard.push(
      request.method,
      request.headers['x-a'],
      request.headers['content-type'],
      request.headers['user-agent'],
      body,
    )
    response.end()
  })
  const { spans, root } = await job.fetched(url, {
    method: 'post',
    headers: { 'x-a': '1', 'user-agent': 'mine' },
    body: 'grüße',
  })
  expect(heard).toEqual(['POST', '1', 'text/plain;charset=UTF-8', 'mine', 'grüße'])
  expect(spans[0]).toMatchObject({
    name: 'POST',
    attributes: { 'http.request.body.size': 7, 'http.response.body.size': 0 },
  })
  expect(root.attributes['cycle.bytes.sent']).toBe(7)
})

test('sends the user of a URL as credentials, and shows them to nobody', async () => {
  let heard: string | undefined
  const url = await job.upstream((request, response) => {
    heard = request.headers.authorization
    response.end()
  })
  const { spans } = await job.fetched(url.replace('//', '//ann:p%40ss@'))
  expect(heard).toBe(`Basic ${Buffer.from('ann:p@ss').toString('base64')}`)
  expect(spans[0]?.attributes['url.full']).toBe(`${url.replace('//', '//REDACTED:REDACTED@')}/`)
})

test('tells wire and decoded size of a compressed body', async () => {
  const packed = gzipSync('x'.repeat(5_000))
  const url = await job.upstream((_, response) => response.setHeader('content-encoding', 'gzip').end(packed))
  const { result, spans } = await job.fetched(url)
  expect((await result?.text())?.length).toBe(5_000)
  expect(spans[0]?.attributes).toMatchObject({
    'http.response.body.size': packed.length,
    'http.response.decoded_body.size': 5_000,
  })
})

test('splits the duration into phases when the server is slow', async () => {
  const url = await job.upstream(async (_, response) => {
    await sleep(80)
    response.write('half')
    await sleep(50)
    response.end('half')
  })
  const { spans } = await job.fetched(url.replace('127.0.0.1', 'localhost'))
  const parts = phases(spans[0])
  expect(Object.keys(parts).toSorted()).toEqual(['connect', 'dns', 'download', 'queue', 'ttfb'])
  expect(parts.ttfb).toBeGreaterThan(70)
  // A busy machine may see the head late, which moves time from one to the other.
  expect((parts.ttfb ?? 0) + (parts.download ?? 0)).toBeGreaterThan(120)
  expect(Math.min(...Object.values(parts))).toBeGreaterThanOrEqual(0)
  expect(sum(parts)).toBeCloseTo(spans[0]?.durationMs ?? 0, 1)
})

test('tells reused connections apart, which open nothing', async () => {
  const url = await job.upstream((_, response) => response.end('x'))
  await cycle('coins', async (run) => {
    for (let i = 0; i < 3; i += 1) await run.fetch(url)
  })
  await job.telemetry.flush()
  const spans = job.receiver.named('GET')
  expect(spans.map((span) => span.attributes['network.connection.reused'])).toEqual([false, true, true])
  expect(Object.keys(phases(spans[0])).toSorted()).toEqual(['connect', 'dns', 'download', 'queue', 'ttfb'])
  expect(Object.keys(phases(spans[1])).toSorted()).toEqual(['download', 'queue', 'ttfb'])
})

test('ties every one of many parallel attempts to its own connection', async () => {
  const url = await job.upstream(async (_, response) => {
    await sleep(20)
    response.end('x')
  })
  await cycle('coins', (run) => Promise.all(Array.from({ length: 20 }, () => run.fetch(url))))
  await job.telemetry.flush()
  const spans = job.receiver.named('GET')
  expect(spans.filter((span) => span.attributes['network.connection.reused'] === false)).toHaveLength(20)
  for (const span of spans) expect(sum(phases(span))).toBeCloseTo(span.durationMs, 1)
  expect(job.receiver.one('coins').attributes['cycle.concurrency.mean']).toBeGreaterThan(2)
})

test('takes no notice of the built-in fetch', async () => {
  const url = await job.upstream((_, response) => response.end('x'))
  await cycle('coins', (run) =>
    Promise.all([fetch(url).then((response) => response.text()), run.fetch(url), fetch(url)]),
  )
  await job.telemetry.flush()
  expect(job.receiver.named('GET')).toHaveLength(1)
  expect(job.receiver.one('GET').attributes['network.connection.reused']).toBe(false)
})

test('gives an answer of status 404 and marks its attempt', async () => {
  const url = await job.upstream((_, response) => response.writeHead(404).end('no such coin'))
  const { result, spans, root } = await job.fetched(url)
  expect(result).toMatchObject({ status: 404, ok: false })
  expect(await result?.text()).toBe('no such coin')
  expect(spans[0]).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': '404' } })
  expect(root.attributes['cycle.outcome']).toBe('ok')
})
