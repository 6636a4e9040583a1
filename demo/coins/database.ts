// Where the job keeps the latest coins, exchanges and markets: an SQLite file, opened anew for every write.

import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import type { Coin, Exchange, Market } from '#demo/coins/catalogue.ts'
import { BadInput, messageOf } from '#model/errors.ts'

export type CoinRows = { coins: Coin[]; exchanges: Exchange[]; markets: Market[] }

const TABLES = {
  coins: ['id', 'symbol', 'name', 'price', 'marketCap', 'volume24h'],
  exchanges: ['id', 'name', 'country', 'volume24h'],
  markets: ['id', 'exchangeId', 'coinId', 'quote', 'price', 'volume24h'],
} as const satisfies { [Table in keyof CoinRows]: (keyof CoinRows[Table][number])[] }

const BUSY_MS = 5_000

/** Creates the file and its tables where missing. Throws BadInput when it cannot be used as a database. */
export function prepareDatabase(file: string): void {
  try {
    open(file).close()
  } catch (cause) {
    const message = `database ${file} cannot be used (${messageOf(cause)}); name a file in an existing folder`
    throw new BadInput(message, { problems: [{ path: 'database', message: messageOf(cause) }], cause })
  }
}

/** Replaces rows with the same id, in one transaction: all or none. Returns how many were written. */
export function writeRows(file: string, rows: CoinRows): number {
  using database = open(file)
  database.exec('BEGIN')
  for (const [table, columns] of Object.entries(TABLES)) {
    const values = columns.map((column) => `:${column}`).join(', ')
    const insert = database.prepare(`INSERT OR REPLACE INTO ${table} (${columns.join(', ')}) VALUES (${values})`)
    for (const row of rows[table as keyof CoinRows]) insert.run(row as Record<string, SQLInputValue>)
  }
  database.exec('COMMIT')
  return rows.coins.length + rows.exchanges.length + rows.markets.length
}

function open(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: BUSY_MS })
  for (const [table, columns] of Object.entries(TABLES)) {
    const others = columns.slice(1).map((column) => `${column} NOT NULL`)
    database.exec(`CREATE TABLE IF NOT EXISTS ${table} (id TEXT PRIMARY KEY, ${others.join(', ')})`)
  }
  return database
}
