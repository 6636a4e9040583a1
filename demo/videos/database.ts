// The monitor's database: an SQLite file in which a query takes the 0.1 to 0.5 s that the team's take, divided by `scale`.

import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'

export type Written = 'vod' | 'alert' | 'monitor_run'
type Writes = { rows: number; commits: number; ms: number }

export type VideoDatabase = {
  all<Row>(sql: string, ...parameters: SQLInputValue[]): Promise<Row[]>
  /** The first row of a query that has one. */
  get<Row>(sql: string, ...parameters: SQLInputValue[]): Promise<Row>
  /** One statement that writes so many rows of the table, and its commit. */
  write(table: Written, rows: number, sql: string, ...parameters: SQLInputValue[]): Promise<void>
  /** Whether the connection works. As slow as a query, and counted apart from them. */
  check(): Promise<boolean>
  /** What has been asked so far; `ms` are real ones. */
  readonly counts: { queries: number; checks: number; writes: Record<Written, Writes> }
  /** The file itself, for what is not part of the job. */
  readonly file: DatabaseSync
  close(): void
}

export type VideoDatabaseOptions = {
  file: string
  scale: number
  /** Numbers from 0 to 1; one for each query decides how long it takes. */
  random: () => number
}

const SHORTEST_MS = 100
const LONGEST_MS = 500
/** What a statement takes longer for each row it writes, so that a batch is not free. */
const ROW_MS = 5
/** As the team's pool; others queue. */
const CONNECTIONS = 10

const TABLES = `
  CREATE TABLE show (id INTEGER PRIMARY KEY, title TEXT NOT NULL);
  CREATE TABLE vod (
    id INTEGER PRIMARY KEY, show_id INTEGER NOT NULL, vod_state TEXT NOT NULL, percent INTEGER NOT NULL,
    note TEXT NOT NULL DEFAULT '', checked_at INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE transcription (vod_id INTEGER PRIMARY KEY, completed_at INTEGER);
  CREATE TABLE report (
    vod_id INTEGER PRIMARY KEY, vod_state TEXT NOT NULL, percent INTEGER NOT NULL, reported_at INTEGER NOT NULL
  );
  CREATE TABLE setting (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
  CREATE TABLE alert (vod_id INTEGER, raised_at INTEGER, message TEXT NOT NULL, PRIMARY KEY (vod_id, raised_at));
  CREATE TABLE monitor_run (
    at INTEGER PRIMARY KEY, total INTEGER NOT NULL, completed INTEGER NOT NULL, pending INTEGER NOT NULL,
    transcriptions INTEGER NOT NULL, transcribed INTEGER NOT NULL, untranscribed INTEGER NOT NULL, backlog INTEGER NOT NULL
  )`

/** With empty tables in a new file. How slow it is, is simulated: the disk is not waited for besides. */
export function openVideoDatabase({ file: path, scale, random }: VideoDatabaseOptions): VideoDatabase {
  const file = new DatabaseSync(path)
  file.exec(`PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; ${TABLES}`)
  const inConnection = connections(CONNECTIONS)
  const nothing = (): Writes => ({ rows: 0, commits: 0, ms: 0 })
  const counts = { queries: 0, checks: 0, writes: { vod: nothing(), alert: nothing(), monitor_run: nothing() } }

  const timed = <T>(query: () => T, rows = 0): Promise<T> => {
    const ms = (SHORTEST_MS + random() * (LONGEST_MS - SHORTEST_MS) + rows * ROW_MS) / scale
    return inConnection(() => held(ms, query))
  }
  const asked = <T>(query: () => T, rows?: number): Promise<T> => {
    counts.queries += 1
    return timed(query, rows)
  }
  return {
    all: <Row>(sql: string, ...parameters: SQLInputValue[]) =>
      asked(() => file.prepare(sql).all(...parameters) as Row[]),
    get: <Row>(sql: string, ...parameters: SQLInputValue[]) => asked(() => file.prepare(sql).get(...parameters) as Row),
    async write(table, rows, sql, ...parameters) {
      const beganAt = performance.now()
      await asked(() => file.prepare(sql).run(...parameters), rows)
      const writes = counts.writes[table]
      writes.ms += performance.now() - beganAt
      writes.rows += rows
      writes.commits += 1
    },
    check() {
      counts.checks += 1
      return timed(() => file.prepare('SELECT 1').get() !== undefined)
    },
    counts,
    file,
    close: () => file.close(),
  }
}

/** How long before the end a timer, which may be late by more than a millisecond, is no longer trusted. */
const TIMER_MS = 2

/** Runs the query at once and keeps its result back: so it takes `ms` however long SQLite itself needs. */
async function held<T>(ms: number, query: () => T): Promise<T> {
  const dueAt = performance.now() + ms
  const result = query()
  const left = dueAt - performance.now()
  if (left > TIMER_MS) await sleep(left - TIMER_MS)
  while (performance.now() < dueAt) await turn()
  return result
}

/** At most so many at once, in order. */
function connections(most: number): <T>(use: () => Promise<T>) => Promise<T> {
  let free = most
  const queue: (() => void)[] = []
  return async (use) => {
    if (free > 0) free -= 1
    else await new Promise<void>((enter) => queue.push(enter))
    try {
      return await use()
    } finally {
      const next = queue.shift()
      if (next) next()
      else free += 1
    }
  }
}
