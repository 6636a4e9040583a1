import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { CALLS } from '#demo/coins/calls.ts'
import type { Coin, Exchange, Market, Status } from '#demo/coins/catalogue.ts'
import { type CoinUpstream, type CoinUpstreamOptions, startCoinUpstream } from '#demo/coins/upstream.ts'
import { BadInput, Unavailable } from '#model/errors.ts'

let upstream: CoinUpstream | null = null
afterEach(() => upstream?.close())

/** Every cycle takes the shortest time unless the case says otherwise; the clock stands still. */
async function start(options: Partial<CoinUpstreamOptions> = {}): Promise<string> {
  upstream = await startCoinUpstream({ random: () => 0, now: () => 1_758_500_000_000, ...options })
  return upstream.url
}

async function get<Body>(url: string): Promise<Body> {
  return (await (await fetch(url)).json()) as Body
}

test('answers with rows that belong together', async () => {
  const url = await start()
  const status = await get<Status>(`${url}/status`)
  const coins = await get<Coin[]>(`${url}/coins?limit=all`)
  const exchanges = await get<Exchange[]>(`${url}/exchanges`)
  const markets = await get<Market[]>(`${url}/markets`)

  expect(status).toEqual({ status: 'ok', time: '2025-09-22T00:13:20.000Z', coins: 36, exchanges: 12, markets: 108 })
  expect([coins.length, exchanges.length, markets.length]).toEqual([36, 12, 108])
  expect(coins[0]).toMatchObject({ id: 'btc', symbol: 'BTC', name: 'Bitcoin', price: expect.any(Number) })
  for (const rows of [coins, exchanges, markets]) expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length)
  const known = new Set([...coins, ...exchanges].map(({ id }) => id))
  expect(markets.every(({ coinId, exchangeId }) => known.has(coinId) && known.has(exchangeId))).toBe(true)
})

test('answers the same bytes when asked twice at the same moment', async () => {
  const url = await start()
  expect(await get(`${url}/markets`)).toEqual(await get(`${url}/markets`))
})

test('takes no less time than was drawn', async () => {
  const url = await start({ random: () => 0.5, jobMs: 0 })
  const began = performance.now()
  for (const call of CALLS) await get(`${url}/${call}`)
  // A timer counts whole milliseconds from the turn of the event loop, hence the allowance for four of them.
  expect(performance.now() - began).toBeGreaterThan(168.4 - 8)
})

const wrong = [
  { path: '/', method: 'GET', status: 404 },
  { path: '/coins/', method: 'GET', status: 404 },
  { path: '//[', method: 'GET', status: 404 },
  { path: '/coins', method: 'POST', status: 405 },
]

for (const { path, method, status } of wrong) {
  test(`answers ${status} at once when asked to ${method} ${path}`, async () => {
    const url = await start({ random: () => 1, scale: 1 })
    const response = await fetch(`${url}${path}`, { method })
    expect(response.status).toBe(status)
    expect(await response.json()).toEqual({ error: expect.any(String) })
  })
}

const refused = [
  { scale: 101 },
  { scale: 0 },
  { scale: 0.5 },
  { scale: Number.NaN },
  { scale: Number.POSITIVE_INFINITY },
  { jobMs: -1 },
  { jobMs: 101 },
  { port: 65_536 },
  { port: 80.5 },
]

for (const option of refused) {
  const [[name, value] = []] = Object.entries(option)
  test(`refuses ${name} ${value} and says what is allowed`, async () => {
    const starting = startCoinUpstream({ random: () => 0, ...option })
    await expect(starting).rejects.toThrow(BadInput)
    await expect(starting).rejects.toThrow(new RegExp(`^${name} ${value}: must be a .*number from`))
  })
}

test('says which option to change when the port is taken', async () => {
  const { port } = new URL(await start())
  const starting = startCoinUpstream({ random: () => 0, port: Number(port) })
  await expect(starting).rejects.toThrow(Unavailable)
  await expect(starting).rejects.toThrow(/choose another port/)
})

test('breaks off a pending answer and frees the port when closed', async () => {
  const asked = Promise.withResolvers<void>()
  const random = () => {
    asked.resolve()
    return 1
  }
  const url = await start({ random, scale: 1 })
  const pending = fetch(`${url}/markets`).then(
    () => 'answered',
    () => 'broken off',
  )
  await asked.promise
  await upstream?.close()
  expect(await pending).toBe('broken off')
  await start({ port: Number(new URL(url).port) })
})

test('leaves nothing that keeps the process alive when closed while an answer is pending', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', PENDING_THEN_CLOSED])
  expect(stdout).toBe('closed')
})

test('closes once when closed twice', async () => {
  await start()
  await Promise.all([upstream?.close(), upstream?.close()])
})

/** A process of its own; a timer left behind would hold it for the two minutes that /markets takes here. */
const PENDING_THEN_CLOSED = `
  import { startCoinUpstream } from '#demo/coins/upstream.ts'
  const asked = Promise.withResolvers()
  const draws = [1, 0]
  const random = () => { asked.resolve(); return draws.shift() }
  const upstream = await startCoinUpstream({ random, scale: 1 })
  fetch(upstream.url + '/markets').catch(() => {})
  await asked.promise
  await upstream.close()
  process.stdout.write('closed')
`
