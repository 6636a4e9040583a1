// The odds collector with ours: an answer is good for 30 s, and a run's rows go into the database in one transaction.
// How long it waited for the database, its memory, hits and misses are on each cycle's record without another line.

import type { DatabaseSync } from 'node:sqlite'
import { type Batcher, batcher, cycle, fetchPolicy, memoryStore } from '#collector/collector.ts'
import { INSERT_ODDS, openOdds, type StoredQuote } from '#demo/odds/database.ts'
import type { OddsJob, OddsOptions } from '#demo/odds/job.ts'
import type { Odds } from '#demo/odds/upstream.ts'
import { Unavailable } from '#model/errors.ts'

/** The `cycle.name` of every run. */
export const ODDS_CYCLE = 'odds-collector'

const OLDEST_MS = 30_000

export function oddsAfter({ upstream, file, scale }: OddsOptions): OddsJob {
  const cache = { ttlMs: OLDEST_MS / scale, store: memoryStore({ maxBytes: 1_000_000 }) }
  const policy = fetchPolicy({ cache })
  const database = openOdds(file)
  const rows = rowsInto(database)

  return {
    run: (number) =>
      cycle(
        ODDS_CYCLE,
        async (run) => {
          const answer = await run.fetch(`${upstream}/odds`, { template: '/odds' })
          if (!answer.ok) throw new Unavailable(`GET /odds answered ${answer.status}`)
          const { asOf, quotes } = await answer.json<Odds>()
          const servedAt = performance.now()
          await rows.addAll(quotes.map((quote) => ({ run: number, ...quote })))
          await rows.flush()
          run.items(quotes.length)
          return { asOf, servedAt, quotes: quotes.length, writeMs: performance.now() - servedAt }
        },
        { fetch: policy },
      ),
    async [Symbol.asyncDispose]() {
      await rows.close()
      database.close()
    },
  }
}

function rowsInto(database: DatabaseSync): Batcher<StoredQuote> {
  const insert = database.prepare(INSERT_ODDS)
  return batcher({
    size: 1_000,
    everyMs: 1_000,
    summary: 'INSERT odds',
    db: { system: 'sqlite', namespace: 'odds' },
    write(batch) {
      database.exec('BEGIN')
      try {
        for (const row of batch) insert.run(row)
        database.exec('COMMIT')
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK')
        throw error
      }
    },
  })
}
