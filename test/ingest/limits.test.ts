// Access, rate, memory and body together.

import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Running, startServer } from '#api/server.ts'
import { keysOf } from '#ingest/access.ts'
import { memoryBudget } from '#ingest/body/memory.ts'
import { rateLimit } from '#ingest/rate.ts'
import { ingestRoutes } from '#ingest/routes.ts'
import { span, tracesJson } from '#test/ingest/otlp.ts'

const MIB = 2 ** 20
const keys = keysOf([
  { name: 'coins', secret: 'a-secret-for-coins', services: ['coins'] },
  { name: 'all', secret: 'a-secret-for-everything' },
])
const rates = rateLimit(MIB)
const budget = memoryBudget(64 * MIB)
const agent = new Agent({ keepAlive: true })
const bugs: unknown[] = []
let now = 0
let server: Running

const routes = ingestRoutes({
  spool: { accept: async () => 'written' },
  keys,
  rate: {
    check: (sender) => rates.check(sender, now),
    charge: (sender, bytes) => rates.charge(sender, bytes, now),
  },
  memory: budget,
  maxBodyBytes: 16 * MIB,
  tell: () => {},
  onError: (bug) => bugs.push(bug),
})

beforeAll(async () => {
  server = await startServer({
    listen: { host: '127.0.0.1', port: 0 },
    option: 'listen',
    fetch: routes.fetch,
  })
})
afterEach(() => {
  now += 60_000
})
afterAll(async () => {
  agent.destroy()
  await server.stop()
  expect(budget.heldBytes()).toBe(0)
  expect(bugs).toEqual([])
})

/** Sends everything before it looks at the answer. */
async function send(secret: string | null, services: string[], padding = 0) {
  const headers = {
    'content-type': 'application/json',
    ...(secret === null ? {} : { authorization: `Bearer ${secret}` }),
  }
  const sending = request(`${server.url}/v1/traces`, { method: 'POST', agent, headers })
  const answered = once(sending, 'response')
  sending.end(
    tracesJson(services.map((name) => ({ resource: { 'service.name': name }, spans: [span()] }))) + ' '.repeat(padding),
  )
  const [[response]] = await Promise.all([answered, once(sending, 'finish')])
  let text = ''
  for await (const chunk of response) text += chunk
  const { message = '' } = JSON.parse(text)
  return { status: response.statusCode, text: message, retryAfter: response.headers['retry-after'] }
}

test('stores what a token may send, and nothing else', async () => {
  expect(await send('a-secret-for-coins', ['coins'])).toMatchObject({ status: 200 })
  expect(await send('a-secret-for-coins', ['coins', 'billing'])).toMatchObject({
    status: 403,
    text: "the token 'coins' may not send for the service 'billing'",
  })
  expect(await send('a-secret-for-everything', ['billing'])).toMatchObject({ status: 200 })
  expect(await send('a-secret-for-nothing', ['coins'])).toMatchObject({ status: 401 })
  expect(await send(null, ['coins'])).toMatchObject({ status: 401 })
})

test('refuses a large body without a token before it has come, and goes on with the connection', async () => {
  for (let round = 0; round < 3; round += 1) {
    expect(await send(null, ['coins'], 20 * MIB)).toMatchObject({ status: 401 })
    expect(await send('a-secret-for-coins', ['coins'])).toMatchObject({ status: 200 })
  }
})

test('asks a sender in debt to come back later, and no other', async () => {
  expect(await send('a-secret-for-coins', ['coins'], 5 * MIB)).toMatchObject({ status: 200 })
  expect(await send('a-secret-for-coins', ['coins'], 5 * MIB)).toMatchObject({ status: 429, retryAfter: '3' })
  expect(await send('a-secret-for-everything', ['coins'], MIB)).toMatchObject({ status: 200 })
  now += 3_500
  expect(await send('a-secret-for-coins', ['coins'])).toMatchObject({ status: 429, retryAfter: '1' })
  now += 1_000
  expect(await send('a-secret-for-coins', ['coins'])).toMatchObject({ status: 200 })
})

test('charges for bodies that are refused, too', async () => {
  expect(await send('a-secret-for-coins', ['billing'], 3 * MIB)).toMatchObject({ status: 403 })
  expect(await send('a-secret-for-coins', ['coins'])).toMatchObject({ status: 429 })
})

test('leaves memory to others when one sender takes all it can', async () => {
  using greedy = budget.hold('token coins')
  greedy.take(31 * MIB)
  expect(await send('a-secret-for-coins', ['coins'], 2 * MIB)).toMatchObject({ status: 503, retryAfter: '1' })
  expect(await send('a-secret-for-everything', ['coins'], 15 * MIB)).toMatchObject({ status: 200 })
})
