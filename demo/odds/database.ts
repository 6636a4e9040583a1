// Where the odds are kept: an SQLite file with every quote of every run, as node:sqlite opens it. No pragma: the rollback
// journal, and synchronous FULL, which waits for the disk at each commit.

import { DatabaseSync } from 'node:sqlite'
import type { Quote } from '#demo/odds/upstream.ts'

export type StoredQuote = Quote & { run: number }

/** The key makes a row that is written again the same row. */
const TABLE = `
  CREATE TABLE IF NOT EXISTS odds (
    run INTEGER, match TEXT, bookmaker TEXT, outcome TEXT, price REAL, since INTEGER,
    PRIMARY KEY (run, match, bookmaker, outcome)
  )`

export const INSERT_ODDS =
  'INSERT INTO odds VALUES (:run, :match, :bookmaker, :outcome, :price, :since) ON CONFLICT DO NOTHING'

export function openOdds(file: string): DatabaseSync {
  const database = new DatabaseSync(file)
  database.exec(TABLE)
  return database
}

/** Every price there was, once, and how many quotes each run has kept. */
export function keptOdds(file: string): unknown[] {
  using database = new DatabaseSync(file, { readOnly: true })
  const prices = database.prepare('SELECT DISTINCT match, bookmaker, outcome, price, since FROM odds').all()
  return [...prices, ...database.prepare('SELECT run, count(*) AS quotes FROM odds GROUP BY run').all()]
}
