// The odds collector as its team had it: every run asks the API, and inserts row by row, each row its own commit.

import { INSERT_ODDS, openOdds } from '#demo/odds/database.ts'
import type { OddsJob, OddsOptions } from '#demo/odds/job.ts'
import type { Odds } from '#demo/odds/upstream.ts'

export function oddsBefore({ upstream, file }: OddsOptions): OddsJob {
  const database = openOdds(file)
  const insert = database.prepare(INSERT_ODDS)

  return {
    async run(number) {
      const response = await fetch(`${upstream}/odds`)
      if (!response.ok) throw new Error(`GET /odds answered ${response.status}`)
      const { asOf, quotes } = (await response.json()) as Odds
      const servedAt = performance.now()
      for (const quote of quotes) insert.run({ run: number, ...quote })
      return { asOf, servedAt, quotes: quotes.length, writeMs: performance.now() - servedAt }
    },
    async [Symbol.asyncDispose]() {
      database.close()
    },
  }
}
