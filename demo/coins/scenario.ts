// Scenario 3, the coin fetcher: as many cycles as its team published, before and after.

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { prepareDatabase } from '#demo/coins/database.ts'
import { runCoinCycle } from '#demo/coins/job.ts'
import { runSteadyCycle, steadyPolicy } from '#demo/coins/steady.ts'
import { startCoinUpstream } from '#demo/coins/upstream.ts'
import { hashOf, type Scenario, type ScenarioOptions, type Side, type Told } from '#demo/scenario.ts'

/** Prices move with the clock: both sides see the same moment. */
const AT = Date.UTC(2026, 0, 1)
/** Of them at once, each a client of its own, so that thousands of cycles take minutes. */
const CLIENTS = 12

/** `cycles` of each side. */
export function coins(cycles: number): Scenario {
  return { name: 'coins', run: (side, options) => runSide(side, cycles, options) }
}

async function runSide(side: Side, cycles: number, { scale, random, folder, signal }: ScenarioOptions): Promise<Told> {
  const upstream = await startCoinUpstream({ scale, random, now: () => AT })
  const policy = steadyPolicy()
  const seconds: number[] = []
  let begun = 0
  let failed = 0
  const client = async (_: unknown, n: number) => {
    const job = {
      upstream: upstream.url,
      database: join(folder, `${side}-${n}.db`),
      apiKey: `client-${n}`,
      scale,
      policy,
    }
    prepareDatabase(job.database)
    while (begun++ < cycles && !signal.aborted) {
      const startedAt = performance.now()
      const done = side === 'before' ? runCoinCycle(job) : runSteadyCycle(job)
      await done.catch(() => failed++)
      seconds.push(((performance.now() - startedAt) * scale) / 1_000)
    }
    return rowsOf(job.database)
  }
  try {
    const [rows = []] = await Promise.all(Array.from({ length: Math.min(CLIENTS, cycles) }, client))
    return { seconds, rows: hashOf(rows), figures: { cycles: seconds.length, failed } }
  } finally {
    await upstream.close()
  }
}

function rowsOf(file: string): unknown[] {
  using database = new DatabaseSync(file)
  return ['coins', 'exchanges', 'markets'].flatMap((table) => database.prepare(`SELECT * FROM ${table}`).all())
}
