// The coin fetcher as its team had it: an API status check, coins, exchanges and markets one after another, then the
// database write. No timeouts, no retries, no cache. New is only that the collector records it.

import { setTimeout as sleep } from 'node:timers/promises'
import { cycle, fetchPolicy, type Run } from '#collector/collector.ts'
import type { Coin, Exchange, Market, Status } from '#demo/coins/catalogue.ts'
import { prepareDatabase, writeRows } from '#demo/coins/database.ts'
import { COIN_CYCLE } from '#demo/coins/definition.ts'
import { BadInput, Unavailable } from '#model/errors.ts'

export type CoinJob = {
  /** The API's base URL; http or https. */
  upstream: string
  /** The SQLite file that keeps the rows; created where missing. */
  database: string
  /** Tells this job from others at the API. */
  apiKey?: string
}

const HOUR = 3_600_000

/** As if there were no timeouts, no retries, and nothing else that looks after an upstream. */
const AS_IT_WAS = fetchPolicy({
  retries: 0,
  timeouts: { connectMs: HOUR, firstByteMs: HOUR, idleMs: HOUR, totalMs: HOUR },
  host: { breaker: false },
})

/** Fetches and stores everything once, recorded as one cycle. Rejects when a call or the write fails. */
export async function runCoinCycle({ upstream, database, apiKey = 'demo' }: CoinJob): Promise<void> {
  const work = async (run: Run) => {
    const get = <Body>(path: string) => getJson<Body>(run, upstream, path, apiKey)

    const status = await get<Status>('/status')
    run.expect(status.coins + status.exchanges + status.markets)

    const coins = await get<Coin[]>('/coins')
    const exchanges = await get<Exchange[]>('/exchanges')
    const markets = await get<Market[]>('/markets')

    const written = await run.step('database write', 'db', (step) => {
      step.set('db.system.name', 'sqlite')
      step.set('db.query.summary', 'INSERT coins INSERT exchanges INSERT markets')
      step.set('db.operation.batch.size', coins.length + exchanges.length + markets.length)
      return writeRows(database, { coins, exchanges, markets })
    })
    run.items(written)
  }
  await cycle(COIN_CYCLE, work, { fetch: AS_IT_WAS })
}

export type CoinJobRun = {
  /** Cycles that ended, well or not. */
  cycles: number
  failed: number
}

/** Longest pause a timer can keep. */
const MAX_PAUSE_MS = 2_147_483_647

/**
 * Runs cycles, `pauseMs` real milliseconds apart, until `signal` aborts; the cycle that then runs is finished. A failing
 * cycle is on record as `failed` and the next one follows. Throws BadInput before the first when an option is unusable.
 */
export async function runCoinJob(options: CoinJob & { pauseMs: number; signal: AbortSignal }): Promise<CoinJobRun> {
  const { pauseMs, signal } = options
  checkUrl(options.upstream)
  checkPause(pauseMs)
  prepareDatabase(options.database)

  const result: CoinJobRun = { cycles: 0, failed: 0 }
  while (!signal.aborted) {
    await runCoinCycle(options).catch(() => result.failed++)
    result.cycles++
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
  }
  return result
}

async function getJson<Body>(run: Run, upstream: string, path: string, apiKey: string): Promise<Body> {
  const url = new URL(upstream)
  url.pathname = `${url.pathname.replace(/\/$/, '')}${path}`
  const response = await run.fetch(url, { template: path, headers: { 'x-api-key': apiKey } })
  if (!response.ok) throw new Unavailable(`GET ${path} answered ${response.status}`)
  return response.json<Body>()
}

function checkUrl(upstream: string): void {
  if (URL.canParse(upstream) && /^https?:/i.test(upstream)) return
  const message = 'must be an http or https address, such as http://127.0.0.1:8080'
  throw new BadInput(`upstream '${upstream}': ${message}`, { problems: [{ path: 'upstream', message }] })
}

function checkPause(pauseMs: number): void {
  if (pauseMs >= 0 && pauseMs <= MAX_PAUSE_MS) return
  const message = `must be milliseconds from 0 to ${MAX_PAUSE_MS}`
  throw new BadInput(`pauseMs ${pauseMs}: ${message}`, { problems: [{ path: 'pauseMs', message }] })
}
