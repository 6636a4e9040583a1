import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { coinsAt, exchangesAt, marketsAt, statusAt } from '#demo/coins/catalogue.ts'
import { runCoinCycle, runCoinJob } from '#demo/coins/job.ts'
import { startCoinUpstream } from '#demo/coins/upstream.ts'
import { BadInput, Unavailable } from '#model/errors.ts'

let folder: string
let database: string
let cleanUps: (() => unknown)[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cyclewatch-demo-'))
  database = join(folder, 'coins.db')
})

afterEach(async () => {
  await Promise.all(cleanUps.map((cleanUp) => cleanUp()))
  cleanUps = []
  rmSync(folder, { recursive: true })
})

/** The sample API; `random` decides how slow it is, 0 being the fastest. */
async function slowApi(random: () => number): Promise<string> {
  const upstream = await startCoinUpstream({ random })
  cleanUps.push(() => upstream.close())
  return upstream.url
}

/** The same rows without any delay, for what is not about time. */
async function promptApi(answer: RequestListener = answerRows): Promise<string> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUps.push(() => server.close().closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const ROWS: Record<string, (at: number) => unknown> = {
  '/status': statusAt,
  '/coins': coinsAt,
  '/exchanges': exchangesAt,
  '/markets': marketsAt,
}

const answerRows: RequestListener = ({ url = '' }, response) => {
  response.end(JSON.stringify(ROWS[url]?.(0) ?? `nothing at ${url}`))
}

function rowsIn(table: string): number {
  using file = new DatabaseSync(database, { readOnly: true })
  return Number(file.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n)
}

const storedRows = () => ['coins', 'exchanges', 'markets'].map(rowsIn)

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const began = performance.now()
  await work()
  return (performance.now() - began) / 1_000
}

test('stores everything once when cycles repeat', async () => {
  const upstream = await promptApi()
  await runCoinCycle({ upstream, database })
  await runCoinCycle({ upstream: `${upstream}/`, database })
  expect(storedRows()).toEqual([36, 12, 108])
})

test('takes as long as was drawn', async () => {
  const upstream = await slowApi(() => 0.5)
  const ratios: number[] = []
  for (let run = 0; run < 4; run++) {
    ratios.push((await secondsOf(() => runCoinCycle({ upstream, database }))) / 0.1684)
  }
  // The calls take 162.4 ms of the 168.4, and each timer may be early by a millisecond or two. A busy machine makes
  // some cycle long, hardly all four.
  expect(Math.min(...ratios)).toBeGreaterThan(0.9)
  expect(Math.min(...ratios)).toBeLessThan(3)
})

test('keeps the draws of two jobs apart when both run at once', async () => {
  const draws = [0.05, 0.05, 0.97, 0.05]
  const upstream = await slowApi(() => draws.shift() ?? Number.NaN)
  const seconds = await Promise.all(
    ['one', 'two'].map((apiKey) => secondsOf(() => runCoinCycle({ upstream, database, apiKey }))),
  )
  expect(draws).toEqual([])
  expect(Math.min(...seconds)).toBeGreaterThan(0.13)
  expect(Math.max(...seconds)).toBeGreaterThan(0.38)
})

test('fails and says which call when the API answers an error', async () => {
  const upstream = await promptApi((request, response) => {
    if (request.url === '/coins') response.statusCode = 503
    answerRows(request, response)
  })
  const running = runCoinCycle({ upstream, database })
  await expect(running).rejects.toThrow(Unavailable)
  await expect(running).rejects.toThrow('GET /coins answered 503')
})

const troubles: { name: string; answer: (response: ServerResponse) => void }[] = [
  { name: 'answers 500', answer: (response) => response.writeHead(500).end('{}') },
  { name: 'drops the connection', answer: (response) => response.destroy() },
  { name: 'answers something that is not JSON', answer: (response) => response.end('<html>') },
  { name: 'answers JSON of another shape', answer: (response) => response.end('{}') },
]

for (const { name, answer } of troubles) {
  test(`goes on with the next cycle when the API ${name}`, async () => {
    const stop = new AbortController()
    let asked = 0
    const upstream = await promptApi((request, response) => {
      if (request.url === '/status') asked++
      if (asked === 3) stop.abort()
      if (asked < 3 && request.url === '/markets') answer(response)
      else answerRows(request, response)
    })
    const ended = await runCoinJob({ upstream, database, pauseMs: 1, signal: stop.signal })
    expect(ended).toEqual({ cycles: 3, failed: 2 })
    expect(storedRows()).toEqual([36, 12, 108])
  })
}

test('goes on until it is stopped when nothing listens at the address', async () => {
  const upstream = await promptApi()
  await Promise.all(cleanUps.map((cleanUp) => cleanUp()))
  const ended = await runCoinJob({ upstream, database, pauseMs: 5, signal: AbortSignal.timeout(300) })
  expect(ended.cycles).toBeGreaterThan(0)
  expect(ended.failed).toBe(ended.cycles)
})

test('finishes the running cycle when it is stopped', async () => {
  const stop = new AbortController()
  const upstream = await slowApi(() => {
    stop.abort()
    return 0
  })
  const ended = await runCoinJob({ upstream, database, pauseMs: 60_000, signal: stop.signal })
  expect(ended).toEqual({ cycles: 1, failed: 0 })
  expect(storedRows()).toEqual([36, 12, 108])
})

test('runs no cycle when it is stopped before it starts', async () => {
  const upstream = await promptApi()
  const ended = await runCoinJob({ upstream, database, pauseMs: 0, signal: AbortSignal.abort() })
  expect(ended).toEqual({ cycles: 0, failed: 0 })
})

const refused = [
  { name: 'upstream', value: 'localhost:8080' },
  { name: 'upstream', value: '' },
  { name: 'upstream', value: 'ftp://127.0.0.1/' },
  { name: 'pauseMs', value: -1 },
  { name: 'pauseMs', value: Number.NaN },
  { name: 'pauseMs', value: 2 ** 31 },
  { name: 'database', value: '/nowhere/at/all/coins.db' },
  { name: 'database', value: tmpdir() },
]

for (const { name, value } of refused) {
  test(`refuses ${name} '${value}' before the first cycle`, async () => {
    const options = { upstream: 'http://127.0.0.1:1', database, pauseMs: 0, signal: AbortSignal.timeout(5_000) }
    const running = runCoinJob({ ...options, [name]: value })
    await expect(running).rejects.toThrow(BadInput)
    await expect(running).rejects.toThrow(name)
  })
}
