// Access, rate, memory and body together, as a route calls them.

import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Running, startServer } from '#api/server.ts'
import { admit, keysOf, permit } from '#ingest/access.ts'
import { memoryBudget } from '#ingest/body/memory.ts'
import { type Incoming, receiveBody } from '#ingest/body/receive.ts'
import { rateLimit } from '#ingest/rate.ts'
import { BadInput, Unavailable } from '#model/errors.ts'

const MIB = 2 ** 20
const keys = keysOf([
  { name: 'coins', secret: 'a-secret-for-coins', services: ['coins'] },
  { name: 'all', secret: 'a-secret-for-everything' },
])
const rates = rateLimit(MIB)
const budget = memoryBudget(64 * MIB)
const agent = new Agent({ keepAlive: true })
let now = 0
let server: Running

/** The body is the list of its services, in JSON. */
async function handle(incoming: Incoming, address: string | undefined): Promise<Response> {
  const sender = admit(keys, { authorization: incoming.headers.authorization, address })
  rates.check(sender.id, now)
  using memory = budget.hold(sender.id)
  const spent = (bytes: number) => rates.charge(sender.id, bytes, now)
  const body = await receiveBody(incoming, { maxBytes: 16 * MIB, memory, spent })
  permit(sender, JSON.parse(body.toString()))
  return new Response('stored')
}

const STATUSES = { unauthorized: 401, forbidden: 403, too_many: 429, unavailable: 503 } as Record<string, number>

function refused(error: unknown): Response {
  if (error instanceof BadInput) return new Response(error.message, { status: STATUSES[error.code] ?? 400 })
  if (!(error instanceof Unavailable)) throw error
  const headers = { 'Retry-After': String(error.retryAfterSeconds) }
  return new Response(error.message, { status: STATUSES[error.code] ?? 500, headers })
}

beforeAll(async () => {
  server = await startServer({
    listen: { host: '127.0.0.1', port: 0 },
    option: 'listen',
    fetch: (_, { incoming }) => handle(incoming, incoming.socket.remoteAddress).catch(refused),
  })
})
afterEach(() => {
  now += 60_000
})
afterAll(async () => {
  agent.destroy()
  await server.stop()
  expect(budget.heldBytes()).toBe(0)
})

/** Sends everything before it looks at the answer. */
async function send(secret: string | null, services: string[], padding = 0) {
  const headers = secret === null ? {} : { authorization: `Bearer ${secret}` }
  const sending = request(server.url, { method: 'POST', agent, headers })
  const answered = once(sending, 'response')
  sending.end(JSON.stringify(services) + ' '.repeat(padding))
  const [[response]] = await Promise.all([answered, once(sending, 'finish')])
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode, text, retryAfter: response.headers['retry-after'] }
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
