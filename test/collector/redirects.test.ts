import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { cycle, type FetchOptions, startTelemetry, type Telemetry } from '#collector/collector.ts'
import { type Receiver, serve, startReceiver } from '#test/collector/receiver.ts'

type Heard = { method: string | undefined; path: string | undefined; headers: Record<string, unknown>; body: string }

let receiver: Receiver
let telemetry: Telemetry
let here: Awaited<ReturnType<typeof serve>>
let elsewhere: Awaited<ReturnType<typeof serve>>
const heard: Heard[] = []

/** `/302?to=URL` redirects there with that status; anything else is answered. */
async function redirecting(...[request, response]: Parameters<Parameters<typeof serve>[0]>): Promise<void> {
  let body = ''
  for await (const chunk of request) body += chunk
  heard.push({ method: request.method, path: request.url, headers: request.headers, body })
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://x')
  const location = searchParams.get('to')
  if (location) response.writeHead(Number(pathname.slice(1)), { location })
  response.end('answer')
}

beforeAll(async () => {
  receiver = await startReceiver()
  telemetry = startTelemetry({ service: 'prices', endpoint: receiver.url })
  here = await serve(redirecting)
  elsewhere = await serve(redirecting)
})
afterEach(() => {
  receiver.spans.length = 0
  heard.length = 0
})
afterAll(async () => {
  await telemetry.shutdown()
  await Promise.all([receiver.close(), here.close(), elsewhere.close()])
})

async function fetched(path: string, options?: FetchOptions) {
  const result = await cycle('coins', (run) => run.fetch(`${here.url}${path}`, options)).finally(() =>
    telemetry.flush(),
  )
  return { result, hops: receiver.spans.filter((span) => span.attributes['step.kind'] === 'fetch') }
}

test('follows, with one attempt a hop', async () => {
  const { result, hops } = await fetched('/302?to=/coins?key=1', { template: '/moved' })
  expect(result).toMatchObject({ status: 200, url: `${here.url}/coins?key=1` })
  expect(
    hops.map((hop) => [
      hop.name,
      hop.attributes['http.response.status_code'],
      hop.attributes['http.request.resend_count'],
    ]),
  ).toEqual([
    ['GET /moved', 302, undefined],
    ['GET', 200, 1],
  ])
  expect(hops[1]?.attributes['url.full']).toBe(`${here.url}/coins?key=REDACTED`)
  expect(hops.map((hop) => hop.status.code)).toEqual([0, 0])
  expect(receiver.one('coins').attributes).toMatchObject({ 'cycle.calls': 2, 'cycle.retries': 0 })
})

const methods: [status: number, method: string, becomes: string, body: string][] = [
  [301, 'POST', 'GET', ''],
  [302, 'POST', 'GET', ''],
  [303, 'PUT', 'GET', ''],
  [303, 'HEAD', 'HEAD', ''],
  [302, 'PUT', 'PUT', 'data'],
  [307, 'POST', 'POST', 'data'],
  [308, 'POST', 'POST', 'data'],
]

for (const [status, method, becomes, body] of methods) {
  test(`sends ${becomes} after ${status} to ${method}`, async () => {
    await fetched(`/${status}?to=/coins`, { method, ...(method === 'HEAD' ? {} : { body: 'data' }) })
    expect(heard[1]).toMatchObject({ method: becomes, path: '/coins', body })
    expect('content-type' in (heard[1]?.headers ?? {})).toBe(body !== '')
  })
}

const SECRETS = { authorization: 'Bearer t', cookie: 'id=1', 'x-kept': 'yes' }

test('keeps credentials on the way within one origin', async () => {
  await fetched('/302?to=/coins', { headers: SECRETS })
  expect(heard[1]?.headers).toMatchObject(SECRETS)
})

test('drops credentials on the way to another origin', async () => {
  await fetched(`/307?to=${elsewhere.url}/coins`, { headers: SECRETS })
  expect(heard[1]?.headers).not.toHaveProperty('authorization')
  expect(heard[1]?.headers).not.toHaveProperty('cookie')
  expect(heard[1]?.headers).toMatchObject({ 'x-kept': 'yes' })
})

test('drops the user of the URL on the way to another origin', async () => {
  const url = `${here.url.replace('//', '//ann:pw@')}/302?to=${elsewhere.url}/coins`
  await cycle('coins', (run) => run.fetch(url))
  await telemetry.flush()
  expect(heard.map((one) => 'authorization' in one.headers)).toEqual([true, false])
})

test('hands out the redirect itself when asked to', async () => {
  const { result, hops } = await fetched('/302?to=/coins', { redirect: 'manual' })
  expect(result).toMatchObject({ status: 302, ok: false })
  expect(hops).toHaveLength(1)
})

test('hands out a redirect that leads nowhere as it is', async () => {
  expect((await fetched('/302')).result.status).toBe(200)
})

const failures: [what: string, path: string, options: FetchOptions][] = [
  ['is redirected to another scheme', '/302?to=ftp://h.org/', {}],
  ['is redirected although that is an error', '/302?to=/coins', { redirect: 'error' }],
]

for (const [what, path, options] of failures) {
  test(`fails when it ${what}`, async () => {
    await expect(fetched(path, options)).rejects.toMatchObject({ name: 'NetworkError', code: 'BAD_REDIRECT' })
  })
}

test('fails after ten redirects', async () => {
  const loop = await serve((request, response) => response.writeHead(302, { location: request.url ?? '/' }).end())
  await expect(cycle('coins', (run) => run.fetch(loop.url))).rejects.toMatchObject({ code: 'TOO_MANY_REDIRECTS' })
  await telemetry.flush()
  expect(receiver.named('GET').map((span) => span.attributes['http.request.resend_count'] ?? 0)).toEqual([
    ...Array(11).keys(),
  ])
  await loop.close()
})
