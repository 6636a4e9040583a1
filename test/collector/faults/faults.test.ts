import * as tls from 'node:tls'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { cycle, type FetchOptions, type FetchResult } from '#collector/collector.ts'
import { CERTIFICATE } from '#test/certificate.ts'
import { EXPIRED } from '#test/collector/faults/certificates.ts'
import { troubleNames } from '#test/collector/faults/names.ts'
import {
  addressOf,
  checkSpan,
  phasesOf,
  rowsOf,
  seeing,
  seen,
  WITHOUT_RETRIES,
  wordsOf,
} from '#test/collector/faults/table.ts'
import { startUpstream, type Upstream } from '#test/collector/faults/upstream.ts'
import { type FetchingJob, startFetchingJob } from '#test/collector/fetching.ts'

/**
 * One fetch without retries for each fault. `fault` is a timeline of words.ts, a host of the upstream, or a name of
 * names.ts; `sent` what is not a plain GET: a large body, or `patience`, a signal for what nothing else ends. Then what
 * the job sees, and of the last attempt's span the status of the answer, error.type and the last of its phases; how many
 * attempts there were, and what became of the connection: kept for another request, or closed; `lingers` is one that was
 * given up before it came about, and is closed when undici's own timeout for that is over.
 */
const TABLE = `
fault                   | sent          | the job sees                                                       | http | error.type                   | until           | attempts | connection
refused                 |               | ECONNREFUSED nothing accepts connections there                     |      | ECONNREFUSED                 | connect         | 1        | none
unknown                 |               | ENOTFOUND the host name is unknown                                 |      | ENOTFOUND                    | dns             | 1        | none
busy                    |               | EAI_AGAIN the host name could not be looked up at the moment       |      | EAI_AGAIN                    | dns             | 1        | none
silent                  | patience      | TimeoutError aborted due to timeout                                |      | TimeoutError                 | dns             | 1        | none
slammed                 |               | ECONNRESET the server closed the connection                        |      | ECONNRESET                   | connect or ttfb | 1        | closed
muteTls                 | patience      | TimeoutError aborted due to timeout                                |      | TimeoutError                 | tls             | 1        | lingers
notTls                  |               | ERR_SSL_WRONG_VERSION_NUMBER wrong version number                  |      | ERR_SSL_WRONG_VERSION_NUMBER | tls             | 1        | closed
selfSigned              |               | DEPTH_ZERO_SELF_SIGNED_CERT self-signed certificate                |      | DEPTH_ZERO_SELF_SIGNED_CERT  | tls             | 1        | closed
expired                 |               | CERT_HAS_EXPIRED certificate has expired                           |      | CERT_HAS_EXPIRED             | tls             | 1        | closed
wrongHost               |               | ERR_TLS_CERT_ALTNAME_INVALID does not match certificate's altnames |      | ERR_TLS_CERT_ALTNAME_INVALID | tls             | 1        | closed
reset                   |               | ECONNRESET the server closed the connection                        |      | ECONNRESET                   | ttfb            | 1        | closed
reset in head           |               | ECONNRESET the server closed the connection                        |      | ECONNRESET                   | ttfb            | 1        | closed
reset in body           |               | ECONNRESET the server closed the connection                        | 200  | ECONNRESET                   | download        | 1        | closed
close                   |               | ECONNRESET the server closed the connection                        |      | ECONNRESET                   | ttfb            | 1        | closed
half                    |               | ECONNRESET the server closed the connection                        | 200  | ECONNRESET                   | download        | 1        | closed
cut chunks              |               | ECONNRESET the server closed the connection                        | 200  | ECONNRESET                   | download        | 1        | closed
hang                    | patience      | TimeoutError aborted due to timeout                                |      | TimeoutError                 | ttfb            | 1        | closed
deaf                    | patience      | TimeoutError aborted due to timeout                                |      | TimeoutError                 | ttfb            | 1        | untold
deaf                    | body patience | TimeoutError aborted due to timeout                                |      | TimeoutError                 | ttfb            | 1        | untold
head then hang          | patience      | TimeoutError aborted due to timeout                                | 200  | TimeoutError                 | download        | 1        | closed
half then hang          | patience      | TimeoutError aborted due to timeout                                | 200  | TimeoutError                 | download        | 1        | closed
drip head               | patience      | TimeoutError aborted due to timeout                                |      | TimeoutError                 | ttfb            | 1        | closed
drip body               | patience      | TimeoutError aborted due to timeout                                | 200  | TimeoutError                 | download        | 1        | closed
429                     |               | 429 status 429                                                     | 429  | 429                          | download        | 1        | kept
429 after 2             |               | 429 status 429                                                     | 429  | 429                          | download        | 1        | kept
429 after date          |               | 429 status 429                                                     | 429  | 429                          | download        | 1        | kept
429 after past          |               | 429 status 429                                                     | 429  | 429                          | download        | 1        | kept
429 after 99999999999   |               | 429 status 429                                                     | 429  | 429                          | download        | 1        | kept
429 after -5            |               | 429 status 429                                                     | 429  | 429                          | download        | 1        | kept
503, 503, ok            |               | 503 status 503                                                     | 503  | 503                          | download        | 1        | kept
503 after 1, ok         |               | 503 status 503                                                     | 503  | 503                          | download        | 1        | kept
204                     |               | 204                                                                | 204  |                              | download        | 1        | kept
not http                |               | BAD_RESPONSE does not match the HTTP                               |      | BAD_RESPONSE                 | ttfb            | 1        | closed
echo                    |               | BAD_RESPONSE does not match the HTTP                               |      | BAD_RESPONSE                 | ttfb            | 1        | closed
huge header             |               | BAD_RESPONSE Headers Overflow                                      |      | BAD_RESPONSE                 | ttfb            | 1        | closed
length too short        |               | 200 {"price":                                                      | 200  |                              | download        | 1        | closed
two answers             |               | 200 {"price":7}                                                    | 200  |                              | download        | 1        | closed
length twice            |               | BAD_RESPONSE does not match content-length header                  |      | BAD_RESPONSE                 | ttfb            | 1        | closed
broken chunks           |               | BAD_RESPONSE chunk                                                 | 200  | BAD_RESPONSE                 | download        | 1        | closed
204 with body           |               | 204                                                                | 204  |                              | download        | 1        | closed
http 1.0                |               | 200 {"price":7}                                                    | 200  |                              | download        | 1        | closed
continue                |               | BAD_RESPONSE that nobody asked for                                 |      | BAD_RESPONSE                 | ttfb            | 1        | closed
101                     |               | BAD_RESPONSE that nobody asked for                                 |      | BAD_RESPONSE                 | ttfb            | 1        | closed
early hints             |               | 200 {"price":7}                                                    | 200  |                              | download        | 1        | kept
early answer            | body          | 413 too much                                                       | 413  | 413                          | download        | 1        | kept
early answer then close | body          | 413 too much                                                       | 413  | 413                          | download        | 1        | closed
early answer then reset | body          | 413 too much                                                       | 413  | 413                          | download        | 1        | closed
bad gzip                |               | BAD_RESPONSE the body cannot be decoded                            | 200  | BAD_RESPONSE                 | download        | 1        | kept
bad br                  |               | BAD_RESPONSE the body cannot be decoded                            | 200  | BAD_RESPONSE                 | download        | 1        | kept
bad zstd                |               | BAD_RESPONSE the body cannot be decoded                            | 200  | BAD_RESPONSE                 | download        | 1        | kept
cut gzip                |               | BAD_RESPONSE unexpected end of file                                | 200  | BAD_RESPONSE                 | download        | 1        | kept
cut br                  |               | BAD_RESPONSE the body cannot be decoded                            | 200  | BAD_RESPONSE                 | download        | 1        | kept
cut zstd                |               | BAD_RESPONSE the body cannot be decoded                            | 200  | BAD_RESPONSE                 | download        | 1        | kept
bomb 32                 |               | 200 33554432 characters                                            | 200  |                              | download        | 1        | kept
redirect loop           |               | TOO_MANY_REDIRECTS redirected more than 10 times                   | 302  |                              | reused          | 11       | kept
redirect to refused     |               | ECONNREFUSED nothing accepts connections there                     |      | ECONNREFUSED                 | connect         | 2        | kept
redirect to nowhere     |               | ENOTFOUND the host name is unknown                                 |      | ENOTFOUND                    | dns             | 2        | kept
redirect to scheme      |               | BAD_REDIRECT which cannot be fetched                               | 302  |                              | download        | 1        | kept
`

/** In the URL's user, in its query and in a header: to be found nowhere afterwards. */
const SECRET = 'hunter2'
const PATIENCE_MS = 400
const LARGE_BODY = 'x'.repeat(2 ** 22)

/** The phases of an attempt that ended in this one. */
const UNTIL: Record<string, string> = {
  queue: 'queue',
  dns: 'queue dns',
  connect: 'queue dns connect',
  tls: 'queue dns connect tls',
  ttfb: 'queue dns connect ttfb',
  download: 'queue dns connect ttfb download',
  reused: 'queue ttfb download',
}

let job: FetchingJob
let upstream: Upstream
let names: Disposable
const trusted = tls.getCACertificates('default')

beforeAll(async () => {
  tls.setDefaultCACertificates([...trusted, CERTIFICATE, EXPIRED.cert])
  names = troubleNames()
  job = await startFetchingJob()
})
afterEach(async () => {
  await upstream[Symbol.asyncDispose]()
  await job.afterEach()
})
afterAll(async () => {
  await job.stop()
  names[Symbol.dispose]()
  tls.setDefaultCACertificates(trusted)
})

for (const row of rowsOf(TABLE)) {
  const { fault = '', sent = '', until = '' } = row
  test(`tells what it is to meet '${fault}'${sent ? ` with ${sent}` : ''}`, async () => {
    upstream = await startUpstream()
    const { outcome, spans } = await job.fetched(secretly(addressOf(upstream, fault)), optionsOf(sent))
    const last = spans.at(-1)
    const { 'http.response.status_code': status, 'error.type': type } = last?.attributes ?? {}
    expect.soft(await seen(outcome)).toMatch(seeing(row['the job sees']))
    expect.soft(`${status ?? ''}`).toBe(row.http)
    expect.soft(`${type ?? ''}`).toBe(row['error.type'])
    expect.soft(until.split(' or ').map((phase) => UNTIL[phase])).toContain(phasesOf(last))
    expect.soft(`${spans.length}`).toBe(row.attempts)
    for (const span of spans) checkSpan(span)
    expect(JSON.stringify([wordsOf(outcome), spans])).not.toContain(SECRET)
    await checkConnection(row.connection)
  })
}

function secretly(address: string): string {
  return `${address.replace('//', `//ann:${SECRET}@`)}?api_key=${SECRET}`
}

/** Nothing may hang, also where the fault should end by itself. */
function optionsOf(sent: string): FetchOptions {
  return {
    ...WITHOUT_RETRIES,
    headers: { 'x-api-key': SECRET },
    ...(sent.includes('body') ? { method: 'POST', body: LARGE_BODY } : {}),
    signal: AbortSignal.timeout(sent.includes('patience') ? PATIENCE_MS : 10_000),
  }
}

/** A connection is kept when the next request takes it. */
async function checkConnection(fate: string | undefined): Promise<void> {
  const open = fate === 'kept' || fate === 'lingers' ? 1 : 0
  await vi.waitFor(() => expect(upstream.openSockets()).toBe(open), { timeout: 10_000 })
  const accepted = upstream.acceptedSockets()
  if (fate === 'none') expect(accepted).toBe(0)
  if (fate !== 'kept') return
  await cycle('next', (run) => run.fetch(upstream.plan('ok').url, WITHOUT_RETRIES))
  await job.telemetry.flush()
  expect(upstream.acceptedSockets()).toBe(accepted)
}

test('lets an upstream recover: the timeline goes on where the last request left it', async () => {
  upstream = await startUpstream()
  const { url, seen: heard } = upstream.plan('503, reset, ok')
  const results = await cycle('coins', async (run) => {
    const all: PromiseSettledResult<FetchResult>[] = []
    for (let i = 0; i < 4; i += 1) all.push(...(await Promise.allSettled([run.fetch(url, WITHOUT_RETRIES)])))
    return all
  })
  await job.telemetry.flush()
  expect(await Promise.all(results.map(seen))).toEqual([
    '503 status 503',
    expect.stringMatching('^ECONNRESET '),
    '200 {"price":7}',
    '200 {"price":7}',
  ])
  expect(heard).toMatchObject({ requests: 4, connections: 2 })
})

test('tells of a kept connection that was closed just as the next request was written', async () => {
  upstream = await startUpstream()
  const { url } = upstream.plan('ok, close, ok')
  const results = await cycle('coins', async (run) => [
    await run.fetch(url, WITHOUT_RETRIES),
    ...(await Promise.allSettled([run.fetch(url, WITHOUT_RETRIES)])),
    await run.fetch(url, WITHOUT_RETRIES),
  ])
  await job.telemetry.flush()
  expect(results).toMatchObject([{ status: 200 }, { reason: { code: 'ECONNRESET' } }, { status: 200 }])
  const spans = job.receiver.named('GET').map(({ attributes }) => attributes)
  expect(spans.map((span) => [span['network.connection.reused'], span['error.type']])).toEqual([
    [false, undefined],
    [true, 'ECONNRESET'],
    [false, undefined],
  ])
})

const jumps: [what: string, byMs: number][] = [
  ['back by an hour', -3_600_000],
  ['on by a day', 86_400_000],
]

for (const [what, byMs] of jumps) {
  test(`measures right when the clock jumps ${what} in the middle of a fetch`, async () => {
    upstream = await startUpstream()
    const { url } = upstream.plan('ok')
    const before = performance.now()
    const began = Date.now()
    vi.useFakeTimers({ toFake: ['Date'], now: began })
    await cycle('coins', (run) => {
      const fetching = run.fetch(url, WITHOUT_RETRIES)
      vi.setSystemTime(began + byMs)
      return fetching
    })
    vi.useRealTimers()
    const took = performance.now() - before
    await job.telemetry.flush()
    const [root, span] = [job.receiver.one('coins'), job.receiver.one('GET')]
    for (const { startMs, durationMs } of [root, span]) {
      expect(durationMs).toBeGreaterThanOrEqual(0)
      expect(durationMs).toBeLessThanOrEqual(took + 1)
      expect(Math.abs(startMs - began)).toBeLessThan(took + 1)
    }
  })
}
