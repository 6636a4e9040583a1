// What run.fetch asks of a host, and what it does not: breaker, quota, caps, cache, and who may know the trace.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { fetchPolicy } from '#collector/collector.ts'
import { reset, startTrouble, status, type Trouble, told } from '#test/collector/fetch/trouble.ts'

let job: Trouble
const run: Trouble['run'] = (...given) => job.run(...given)
const upstream: Trouble['upstream'] = (...answers) => job.upstream(...answers)

beforeAll(async () => {
  job = await startTrouble()
})
afterEach(() => job.afterEach())
afterAll(() => job.stop())

test('leaves a host alone that failed too often, and asks it again later', async () => {
  const { url, seen } = await upstream(reset, reset, status(200))
  const fetch = fetchPolicy({ retries: 0, host: { breaker: { failures: 2, openMs: 150 } }, breakerWaitMs: 1_000 })
  const impatient = fetchPolicy({ retries: 0, host: { breaker: { failures: 2, openMs: 60_000 } } })
  const { value, steps } = await run(
    async (run) => {
      for (let n = 0; n < 2; n++) await run.fetch(url).catch(() => {})
      return run.fetch(url)
    },
    { fetch },
  )
  expect(value?.status).toBe(200)
  expect(told(steps)).toEqual(['ECONNRESET', 'ECONNRESET', 'breaker', '200'])
  expect(steps[2]?.durationMs).toBeGreaterThan(50)
  const dead = await upstream(reset)
  const refused = await run(
    async (run) => {
      for (let n = 0; n < 2; n++) await run.fetch(dead.url).catch(() => {})
      return run.fetch(dead.url)
    },
    { fetch: impatient },
  )
  expect(refused.error).toMatchObject({ code: 'BREAKER_OPEN' })
  expect([seen.length, dead.seen.length]).toEqual([3, 2])
})

test('counts calls against the quota of their host', async () => {
  const { url, seen } = await upstream(status(200))
  const fetch = fetchPolicy({ host: { quota: { calls: 2, perMs: 3_600_000 } } })
  const { value } = await run((run) => Promise.allSettled(Array.from({ length: 3 }, () => run.fetch(url))), { fetch })
  expect(value?.[2]).toMatchObject({
    reason: { code: 'QUOTA_USED_UP', message: expect.stringContaining('it is renewed in') },
  })
  expect(seen).toHaveLength(2)
})

test('never has more requests under way to a host than it can bear, and shows who waited', async () => {
  let open = 0
  let most = 0
  const { url } = await upstream(async (_, response) => {
    open += 1
    most = Math.max(most, open)
    await new Promise((resolve) => setTimeout(resolve, 20))
    open -= 1
    response.end('done')
  })
  const fetch = fetchPolicy({ host: { concurrency: 3 } })
  const { steps } = await run((run) => Promise.all(Array.from({ length: 12 }, () => run.fetch(url))), { fetch })
  expect(most).toBe(3)
  expect(told(steps).filter((what) => what === 'queue')).toHaveLength(9)
})

test('tells its trace only to hosts that may know it', async () => {
  const { url, seen } = await upstream(status(200))
  const fetch = fetchPolicy({ propagateTo: ['127.0.0.1'] })
  const { root, steps } = await run((run) => run.fetch(url), { fetch })
  expect(seen[0]?.headers.traceparent).toBe(`00-${root.traceId}-${steps[0]?.spanId}-01`)
  await run((run) => run.fetch(url))
  expect(seen[1]?.headers.traceparent).toBeUndefined()
})

test('asks the cache first where it may, and shows what it found', async () => {
  const { url, seen } = await upstream(status(200, { 'cache-control': 'max-age=60' }))
  const { value, root, steps } = await run(async (run) => {
    await run.fetch(url, { cache: true })
    return run.fetch(url, { cache: true })
  })
  expect(await value?.text()).toBe('200')
  expect(seen).toHaveLength(1)
  expect(steps.map(({ attributes }) => attributes['cache.hit'] ?? attributes['step.kind'])).toEqual([
    false,
    'fetch',
    true,
  ])
  expect(root.attributes).toMatchObject({ 'cycle.calls': 1, 'cycle.cache.hits': 1, 'cycle.cache.misses': 1 })
})

test('keeps an answer as long as the job says, and what the server says of it counts no more', async () => {
  const { url, seen } = await upstream(status(200, { 'cache-control': 'no-store' }))
  await run(async (run) => {
    await run.fetch(url, { cache: { ttlMs: 60_000 } })
    await run.fetch(url, { cache: { ttlMs: 60_000 } })
    await run.fetch(url)
  })
  expect(seen).toHaveLength(2)
})

test('tries again below the cache, and follows redirects', async () => {
  const target = await upstream(status(503), status(200, { 'cache-control': 'max-age=60' }))
  const { url, seen } = await upstream(status(302, { location: target.url, 'cache-control': 'no-store' }))
  const { value } = await run(async (run) => {
    await run.fetch(url, { cache: true })
    return run.fetch(url, { cache: true })
  })
  expect(value).toMatchObject({ status: 200, url: `${target.url}/` })
  expect([seen.length, target.seen.length]).toEqual([2, 2])
})

test('holds the cap for a host within a map', async () => {
  let open = 0
  let most = 0
  const { url } = await upstream(async (_, response) => {
    open += 1
    most = Math.max(most, open)
    await new Promise((resolve) => setTimeout(resolve, 10))
    open -= 1
    response.end('done')
  })
  const { value, root } = await run(
    async (run) =>
      await run.map(Array(12).keys(), { concurrency: 6, perHost: 2 }, async () => (await run.fetch(url)).text()),
  )
  expect(value?.map((result) => result.state === 'done' && result.value)).toEqual(Array(12).fill('done'))
  expect(most).toBe(2)
  expect(root.attributes['cycle.wait_ms']).toBeGreaterThan(0)
})

test('adds up what its calls cost, retries included', async () => {
  const { url } = await upstream(status(503), status(200))
  const { root } = await run((run) => run.fetch(url, { cost: 0.005 }))
  expect(root.attributes['cycle.cost']).toBe(0.01)
})
