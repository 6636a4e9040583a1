// The tables of a state file, and whether a database is one.

import type { DatabaseSync } from 'node:sqlite'
import { APPLICATION_ID, damagedError } from '#collector/state/damage.ts'
import { BadInput } from '#model/errors.ts'

/** `sum` is a fingerprint of the row; `at` is epoch ms. Keys of `seen` are fingerprints, and so are their own check. */
const TABLES = [
  'CREATE TABLE cyclewatch_checkpoints (seq INTEGER PRIMARY KEY AUTOINCREMENT, cycle TEXT, key TEXT, run TEXT, ' +
    'at REAL, value TEXT, sum TEXT, UNIQUE (cycle, key))',
  'CREATE TABLE cyclewatch_seen (id TEXT PRIMARY KEY, scope TEXT, at REAL) WITHOUT ROWID',
  'CREATE INDEX cyclewatch_seen_by_age ON cyclewatch_seen (scope, at)',
  'CREATE TABLE cyclewatch_watermarks (cycle TEXT, name TEXT, value TEXT, sum TEXT, PRIMARY KEY (cycle, name)) ' +
    'WITHOUT ROWID',
]

/**
 * With FULL a commit is on the disk when it returns, so that it survives a power cut too. What is deleted is overwritten
 * where that costs nothing. A damaged database must not run what its schema says.
 */
const SETTINGS = `
  PRAGMA busy_timeout = 5000;
  PRAGMA synchronous = FULL;
  PRAGMA secure_delete = FAST;
  PRAGMA trusted_schema = OFF;
  PRAGMA cell_size_check = ON`

/** Creates what is missing in an empty database. Throws BadInput when it is somebody else's, and for a damaged one. */
export function prepareTables(database: DatabaseSync, path: string): void {
  database.exec(SETTINGS)
  if (isComplete(database, path)) {
    database.exec('PRAGMA journal_mode = WAL')
    return
  }
  // Written through to the main file, so that what it is can be told from it, whatever happens to the log.
  transaction(database, () => database.exec(`PRAGMA application_id = ${APPLICATION_ID}`))
  database.exec('PRAGMA journal_mode = WAL')
  transaction(database, () => {
    if (!isComplete(database, path)) for (const table of TABLES) database.exec(table)
  })
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
}

/** All or none, alone on the file. */
export function transaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const value = work()
    database.exec('COMMIT')
    return value
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function isComplete(database: DatabaseSync, path: string): boolean {
  const rows = database.prepare(`SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name`).all()
  if (rows.length === 0) return false
  if (rows.length === TABLES.length && rows.every(({ sql }, index) => sql === TABLES[index])) return true
  const id = database.prepare('PRAGMA application_id').get()?.application_id
  if (id === APPLICATION_ID) throw damagedError('its tables are not those of a state file')
  throw new BadInput(`${path} is a database of something else; give the state a file of its own`)
}
