// The coin fetcher with our collector: all calls at once, each given up early and asked again, because a call that hangs
// is mostly quick the next time; nothing beyond 59 s; one transaction.

import { cycle, type FetchPolicy, fetchPolicy, type NetworkError, type Run } from '#collector/collector.ts'
import type { Coin, Exchange, Market, Status } from '#demo/coins/catalogue.ts'
import { writeRows } from '#demo/coins/database.ts'
import { COIN_CYCLE } from '#demo/coins/definition.ts'
import type { CoinJob } from '#demo/coins/job.ts'
import { Unavailable } from '#model/errors.ts'

/** How long each attempt at a call waits for its answer; the last one gets what the budget has left. */
const PATIENCE_MS = [9_000, 12_000, 37_000]
const BUDGET_MS = 59_000

/** Made once: it remembers how the API behaves. No breaker: calls that hang say nothing about those that follow. */
export function steadyPolicy(): FetchPolicy {
  return fetchPolicy({ timeouts: { connectMs: 5_000 }, host: { breaker: false } })
}

/** Fetches and stores everything once, recorded as one cycle; `scale` times faster than the original. */
export async function runSteadyCycle(job: CoinJob & { scale: number; policy: FetchPolicy }): Promise<void> {
  const { database, scale, policy } = job
  const work = async (run: Run) => {
    const [status, coins, exchanges, markets] = await Promise.all([
      get<Status>(run, job, '/status'),
      get<Coin[]>(run, job, '/coins'),
      get<Exchange[]>(run, job, '/exchanges'),
      get<Market[]>(run, job, '/markets'),
    ])
    run.expect(status.coins + status.exchanges + status.markets)
    const write = () => writeRows(database, { coins, exchanges, markets })
    const batchSize = coins.length + exchanges.length + markets.length
    run.items(await run.db({ system: 'sqlite' }).query('INSERT coins exchanges markets', write, { batchSize }))
  }
  await cycle(COIN_CYCLE, work, { budgetMs: BUDGET_MS / scale, fetch: policy })
}

async function get<Body>(run: Run, { upstream, apiKey = 'demo', scale }: CoinJob & { scale: number }, path: string) {
  const headers = { 'x-api-key': apiKey }
  for (const [index, patienceMs] of PATIENCE_MS.entries()) {
    const timeouts = { firstByteMs: patienceMs / scale }
    try {
      const response = await run.fetch(`${upstream}${path}`, { template: path, headers, timeouts, retries: 0 })
      if (!response.ok) throw new Unavailable(`GET ${path} answered ${response.status}`)
      return await response.json<Body>()
    } catch (error) {
      const isLast = index === PATIENCE_MS.length - 1
      if (isLast || (error as Partial<NetworkError>).code !== 'ETIMEDOUT') throw error
    }
  }
  throw new Unavailable(`GET ${path} was not answered`)
}
