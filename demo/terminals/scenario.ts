// Terminal retrieval: 601 s a run as its team had it. Both sides make two runs, so that what one keeps for the next counts.

import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { sqliteStore } from '#collector/collector.ts'
import { hashOf, type Scenario, type Side } from '#demo/scenario.ts'
import { rememberTerminals, retrieveAfter } from '#demo/terminals/after.ts'
import { retrieveBefore } from '#demo/terminals/before.ts'
import { TERMINALS } from '#demo/terminals/catalogue.ts'
import { createTerminalDatabase, type LogRow, type TerminalDatabase } from '#demo/terminals/database.ts'
import type { TerminalJob } from '#demo/terminals/job.ts'
import { startTerminalUpstream, type Traffic } from '#demo/terminals/upstream.ts'

const RUNS = 2
const CACHE_BYTES = 1_000_000

/**
 * Figures are of a run on average, but `terminals`, the fewest of a run, and `mostAtOnce`, `slowDowns` and `refused`, of
 * all runs. The phases' seconds go from the first to the last line in the log; those of `timeout` and `database` are
 * within them.
 */
export const terminals: Scenario = {
  name: 'terminals',
  async run(side, { scale, random, folder, signal }) {
    const own = mkdtempSync(join(folder, `terminals-${side}-`))
    await using upstream = await startTerminalUpstream({ scale, random })
    using database = createTerminalDatabase(join(own, 'terminals.db'), scale)
    const job: TerminalJob = { upstream: upstream.url, database, scale, signal }
    await using runner = RUNNERS[side](job, own)
    const seconds: number[] = []
    for (let run = 1; run <= RUNS; run += 1) {
      const from = performance.now()
      await runner.run(run)
      seconds.push(((performance.now() - from) * scale) / 1_000)
    }
    const rows = database.terminals()
    return { seconds, rows: hashOf(rows), figures: figuresOf(upstream.traffic(), database, scale) }
  },
}

type Runner = AsyncDisposable & { run(number: number): Promise<unknown> }

const RUNNERS: Record<Side, (job: TerminalJob, folder: string) => Runner> = {
  before: (job) => ({ run: (number) => retrieveBefore(job, number), [Symbol.asyncDispose]: async () => {} }),
  after(job, folder) {
    const store = sqliteStore(join(folder, 'cache.db'), { maxBytes: CACHE_BYTES })
    const memory = rememberTerminals(job, store)
    return {
      run: (number) => retrieveAfter(job, memory, number),
      async [Symbol.asyncDispose]() {
        await memory.logs.close()
        store.close()
      },
    }
  },
}

function figuresOf(traffic: Traffic, database: TerminalDatabase, scale: number): Record<string, number> {
  const { mostAtOnce, slowDowns, refused, calls, searches, abandonedSeconds } = traffic
  const logs = database.logs()
  const rows = database.terminals()
  const { writes, seconds } = database.spent()
  const runs = Array.from({ length: RUNS }, (_, index) => index + 1)
  return {
    mostAtOnce,
    slowDowns,
    refused,
    terminals: Math.min(...runs.map((number) => rows.filter(({ run }) => run === number).length)),
    terminalsExpected: TERMINALS.length,
    calls: calls / RUNS,
    searches: searches / RUNS,
    writes: writes / RUNS,
    logRows: logs.length / RUNS,
    loginSeconds: phaseSeconds(logs, 'login', scale),
    searchSeconds: phaseSeconds(logs, 'search', scale),
    detailsSeconds: phaseSeconds(logs, 'details', scale),
    timeoutSeconds: abandonedSeconds / RUNS,
    databaseSeconds: seconds / RUNS,
  }
}

/** From the first to the last line of a phase, unscaled; the mean of the runs. */
function phaseSeconds(logs: readonly LogRow[], phase: LogRow['phase'], scale: number): number {
  const byRun = Map.groupBy(
    logs.filter((row) => row.phase === phase),
    ({ run }) => run,
  )
  const spans = [...byRun.values()].map((rows) => (rows.at(-1)?.at ?? 0) - (rows[0]?.at ?? 0))
  return ((spans.reduce((sum, ms) => sum + ms, 0) / spans.length) * scale) / 1_000
}
