import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { type CycleOptions, cycle, type FetchOptions, fetchPolicy, type Timeouts } from '#collector/collector.ts'
import { troubleNames } from '#test/collector/faults/names.ts'
import { addressOf, checkSpan, rowsOf, seeing, seen, wordsOf } from '#test/collector/faults/table.ts'
import { startUpstream, type Upstream } from '#test/collector/faults/upstream.ts'
import { type FetchingJob, startFetchingJob } from '#test/collector/fetching.ts'

/**
 * One fetch, tried again up to three times. `with` are options of the fetch or the cycle, in milliseconds where they are
 * times; each attempt is told by error.type or its status. Between two attempts there is a wait, which the trace shows.
 * `open` is how many connections are left; of those to `deaf` nobody can tell.
 */
const TABLE = `
timeline                        | with              | the job sees                             | attempts                                                | outcome | open
reset, ok                       |                   | 200 {"price":7}                          | ECONNRESET 200                                          | ok      | 1
reset in body, half, ok         |                   | 200 {"price":7}                          | ECONNRESET ECONNRESET 200                               | ok      | 1
close, cut chunks, ok           |                   | 200 {"price":7}                          | ECONNRESET ECONNRESET 200                               | ok      | 1
reset                           |                   | ECONNRESET the server closed             | ECONNRESET ECONNRESET ECONNRESET ECONNRESET             | failed  | 0
reset, ok                       | POST              | ECONNRESET the server closed             | ECONNRESET                                              | failed  | 0
reset, ok                       | POST idempotent   | 200 {"price":7}                          | ECONNRESET 200                                          | ok      | 1
refused                         |                   | ECONNREFUSED nothing accepts             | ECONNREFUSED ECONNREFUSED ECONNREFUSED ECONNREFUSED     | failed  | 0
refused                         | POST              | ECONNREFUSED nothing accepts             | ECONNREFUSED ECONNREFUSED ECONNREFUSED ECONNREFUSED     | failed  | 0
busy                            | retries=1         | EAI_AGAIN could not be looked up         | EAI_AGAIN EAI_AGAIN                                     | failed  | 0
selfSigned                      |                   | DEPTH_ZERO_SELF_SIGNED_CERT self-signed  | DEPTH_ZERO_SELF_SIGNED_CERT                             | failed  | 0
503, 503, ok                    |                   | 200 {"price":7}                          | 503 503 200                                             | ok      | 1
503                             |                   | 503 status 503                           | 503 503 503 503                                         | ok      | 1
503                             | retries=0         | 503 status 503                           | 503                                                     | ok      | 1
503, ok                         | POST              | 200 {"price":7}                          | 503 200                                                 | ok      | 1
500, ok                         | POST              | 500 status 500                           | 500                                                     | ok      | 1
404, ok                         |                   | 404 status 404                           | 404                                                     | ok      | 1
429, ok                         |                   | 200 {"price":7}                          | 429 200                                                 | ok      | 1
429 after 1, ok                 |                   | 200 {"price":7}                          | 429 200                                                 | ok      | 1
429 after past, ok              |                   | 200 {"price":7}                          | 429 200                                                 | ok      | 1
429 after -5, ok                |                   | 200 {"price":7}                          | 429 200                                                 | ok      | 1
429 after soon, ok              |                   | 200 {"price":7}                          | 429 200                                                 | ok      | 1
429 after 99999999999, ok       |                   | 429 status 429                           | 429                                                     | ok      | 1
503 after 30, ok                | budget=20000      | 503 status 503                           | 503                                                     | ok      | 1
hang, ok                        | firstByte=1000    | 200 {"price":7}                          | ETIMEDOUT 200                                           | ok      | 1
hang                            | firstByte=60      | ETIMEDOUT did not begin within 60 ms     | ETIMEDOUT ETIMEDOUT                                     | timeout | 0
hang                            | firstByte=60 POST | ETIMEDOUT did not begin within 60 ms     | ETIMEDOUT                                               | timeout | 0
hang                            | budget=150        | ETIMEDOUT                                | ETIMEDOUT                                               | timeout | 0
drip head                       | firstByte=60      | ETIMEDOUT did not begin within 60 ms     | ETIMEDOUT ETIMEDOUT                                     | timeout | 0
head then hang                  | idle=60           | ETIMEDOUT paused for more than 60 ms     | ETIMEDOUT ETIMEDOUT                                     | timeout | 0
half then hang                  | idle=60           | ETIMEDOUT paused for more than 60 ms     | ETIMEDOUT ETIMEDOUT                                     | timeout | 0
drip body                       | total=100         | ETIMEDOUT longer than 100 ms in all      | ETIMEDOUT ETIMEDOUT                                     | timeout | 0
deaf                            | firstByte=60      | ETIMEDOUT did not begin within 60 ms     | ETIMEDOUT ETIMEDOUT                                     | timeout |
muteTls                         | connect=60        | ETIMEDOUT no connection within 60 ms     | ETIMEDOUT ETIMEDOUT                                     | timeout | 0
silent                          | connect=60        | ETIMEDOUT no connection within 60 ms     | ETIMEDOUT ETIMEDOUT                                     | timeout | 0
bad gzip, ok                    |                   | 200 {"price":7}                          | BAD_RESPONSE 200                                        | ok      | 1
not http, huge header, ok       |                   | 200 {"price":7}                          | BAD_RESPONSE BAD_RESPONSE 200                           | ok      | 1
broken chunks, length twice, ok |                   | 200 {"price":7}                          | BAD_RESPONSE BAD_RESPONSE 200                           | ok      | 1
bomb 2                          |                   | BODY_TOO_LARGE larger than 1000000 bytes | BODY_TOO_LARGE                                          | failed  | 1
redirect to refused             |                   | ECONNREFUSED nothing accepts             | 302 ECONNREFUSED ECONNREFUSED ECONNREFUSED ECONNREFUSED | failed  | 1
`

const POLICY = fetchPolicy({ backoff: { firstMs: 2, longestMs: 10 }, maxBytes: 1_000_000, host: { breaker: false } })
/** Except where a row says otherwise, nothing takes that long, not even on a machine that is busy. */
const PATIENT: Timeouts = { connectMs: 20_000, firstByteMs: 20_000, idleMs: 20_000, totalMs: 20_000 }

let job: FetchingJob
let upstream: Upstream
let names: Disposable

beforeAll(async () => {
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
})

for (const row of rowsOf(TABLE)) {
  const { timeline = '', with: given = '' } = row
  test(`tries again, or not, after '${timeline}'${given ? ` with ${given}` : ''}`, async () => {
    upstream = await startUpstream()
    const { fetching, cycling } = optionsOf(given)
    const url = addressOf(upstream, timeline)
    const running = cycle('coins', (run) => run.fetch(url, fetching), { fetch: POLICY, ...cycling })
    const [outcome] = await Promise.allSettled([running])
    await job.telemetry.flush()
    const root = job.receiver.one('coins')
    const steps = job.receiver.spans.filter((span) => span !== root).sort((a, b) => a.startMs - b.startMs)
    const attempts = steps.filter((step) => step.attributes['step.kind'] === 'fetch')
    expect.soft(await seen(outcome)).toMatch(seeing(row['the job sees']))
    expect.soft(attempts.map(told).join(' ')).toBe(row.attempts)
    expect.soft(root.attributes['cycle.outcome']).toBe(row.outcome)
    const resent = attempts.map(({ attributes }) => attributes['http.request.resend_count'] ?? 0)
    expect(resent).toEqual([...attempts.keys()])
    const retries = attempts.filter((_, index) => index > 0 && told(attempts[index - 1]) !== '302').length
    const waits = steps.map(({ attributes }) => attributes['wait.reason']).filter((reason) => reason !== undefined)
    expect(waits).toEqual(Array.from({ length: retries }, () => 'backoff'))
    expect(root.attributes).toMatchObject({ 'cycle.calls': attempts.length, 'cycle.retries': retries })
    for (const attempt of attempts) checkSpan(attempt)
    if (row.open) await vi.waitFor(() => expect(upstream.openSockets()).toBe(Number(row.open)), { timeout: 10_000 })
    if (outcome.status === 'rejected') expect(wordsOf(outcome)[0]).toMatch(/^GET |^POST |^the cycle's budget/)
  })
}

function told(span: { attributes: Record<string, unknown> } | undefined): string {
  return String(span?.attributes['error.type'] ?? span?.attributes['http.response.status_code'])
}

function optionsOf(given: string): { fetching: FetchOptions; cycling: CycleOptions } {
  const words = given.split(' ')
  const number = (name: string) => {
    const word = words.find((one) => one.startsWith(`${name}=`))
    return word === undefined ? undefined : Number(word.slice(name.length + 1))
  }
  const timeouts: Timeouts = {
    connectMs: number('connect') ?? PATIENT.connectMs,
    firstByteMs: number('firstByte') ?? PATIENT.firstByteMs,
    idleMs: number('idle') ?? PATIENT.idleMs,
    totalMs: number('total') ?? PATIENT.totalMs,
  }
  const fetching: FetchOptions = {
    ...(words.includes('POST') ? { method: 'POST', body: '{}' } : {}),
    ...(words.includes('idempotent') ? { idempotent: true } : {}),
    retries: number('retries') ?? 3,
    timeouts,
  }
  return { fetching, cycling: { budgetMs: number('budget') } }
}
