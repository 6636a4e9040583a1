// Where the job keeps its log and the terminals: an SQLite file on a disk that takes its time for every commit.

import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Terminal } from '#demo/terminals/catalogue.ts'

/** `at`: milliseconds of the process's own clock; `run`: which run of the job. */
export type LogRow = { run: number; at: number; phase: 'login' | 'search' | 'details'; message: string }

export type TerminalRow = Terminal & { run: number }

export type TerminalDatabase = Disposable & {
  /** All of it or nothing, in one transaction; nothing at all when a batch of that id is written already. */
  write(rows: { logs?: LogRow[]; terminals?: TerminalRow[] }, batch?: string): Promise<void>
  logs(): LogRow[]
  terminals(): { run: number; id: string; body: string }[]
  /** Transactions so far, and how long they took, unscaled. */
  spent(): { writes: number; seconds: number }
}

/** Unscaled: 325 of them are the 30 s of the original. */
const COMMIT_MS = 92

const TABLES = `
  PRAGMA synchronous = OFF;
  CREATE TABLE logs (run INTEGER, at REAL, phase TEXT, message TEXT);
  CREATE TABLE terminals (run INTEGER, id TEXT, body TEXT, PRIMARY KEY (run, id));
  CREATE TABLE written_batches (id TEXT PRIMARY KEY) WITHOUT ROWID;
`

/** Makes the file anew. The commits' time is divided by `scale`. */
export function createTerminalDatabase(file: string, scale: number): TerminalDatabase {
  const database = new DatabaseSync(file)
  database.exec(TABLES)
  const log = database.prepare('INSERT INTO logs VALUES (?, ?, ?, ?)')
  const save = database.prepare('INSERT OR REPLACE INTO terminals VALUES (?, ?, ?)')
  const remember = database.prepare('INSERT INTO written_batches VALUES (?) ON CONFLICT DO NOTHING')
  const disk = slowDisk(COMMIT_MS / scale)
  const spent = { writes: 0, seconds: 0 }
  return {
    async write({ logs = [], terminals = [] }, batch) {
      const from = performance.now()
      database.exec('BEGIN IMMEDIATE')
      try {
        if (batch === undefined || remember.run(batch).changes === 1) {
          for (const { run, at, phase, message } of logs) log.run(run, at, phase, message)
          for (const { run, ...terminal } of terminals) save.run(run, terminal.id, JSON.stringify(terminal))
        }
        database.exec('COMMIT')
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK')
        throw error
      }
      await disk(from)
      spent.writes += 1
      spent.seconds += ((performance.now() - from) * scale) / 1_000
    },
    logs: () => database.prepare('SELECT * FROM logs ORDER BY at').all() as LogRow[],
    terminals: () =>
      database.prepare('SELECT * FROM terminals ORDER BY run, id').all() as ReturnType<TerminalDatabase['terminals']>,
    spent: () => ({ ...spent }),
    [Symbol.dispose]: () => database.close(),
  }
}

/** A stall of the machine longer than this many commits is not made up for. */
const MOST_AHEAD = 50

/**
 * Makes a commit that began at `from` take `ms` on average: what it took itself counts, and what a timer, which knows
 * whole milliseconds only, was late is taken off the next.
 */
function slowDisk(ms: number): (from: number) => Promise<void> {
  let owedMs = 0
  return async (from) => {
    owedMs += ms
    const restMs = Math.floor(owedMs - (performance.now() - from))
    if (restMs >= 1) await sleep(restMs)
    owedMs = Math.max(-MOST_AHEAD * ms, owedMs - (performance.now() - from))
  }
}
