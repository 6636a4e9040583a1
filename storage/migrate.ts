// The schema, as numbered files that are applied once each. Every statement can safely run again.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Unavailable } from '#model/errors.ts'
import { backfill } from './backfill.ts'
import { type Database, openDatabase } from './client.ts'
import type { Server } from './server.ts'

/** What has to be done is known by its file name, e.g. `001_traces`. */
export type Migration = { version: number; name: string; statements: string[] }

/** When this one has been applied, the tables of cycles and steps exist, and know nothing of earlier spans. */
const FIRST_WITH_CYCLES_AND_STEPS = '004_steps'

/** The oldest ClickHouse that has what the schema and the ingest use. */
export const MINIMUM_VERSION = '26.3'

/**
 * Creates the database if it is missing, applies what has not been applied, and returns the names of those migrations.
 * Throws Unavailable when the server is too old or cannot be reached.
 */
export async function migrate(server: Server, database: string): Promise<string[]> {
  const entrance = openDatabase(server, 'system')
  try {
    await refuseOldServer(entrance)
    await entrance.run('CREATE DATABASE IF NOT EXISTS {database:Identifier}', { database })
  } finally {
    await entrance.close()
  }
  const db = openDatabase(server, database)
  try {
    await db.run(MIGRATIONS_TABLE)
    const pending = await pendingMigrations(db)
    for (const migration of pending) {
      for (const statement of migration.statements) await db.run(statement)
      if (migration.name === FIRST_WITH_CYCLES_AND_STEPS) await backfill(db)
      await db.run('INSERT INTO schema_migrations (Version, Name) VALUES ({version:UInt32}, {name:String})', {
        version: migration.version,
        name: migration.name,
      })
    }
    return pending.map(({ name }) => name)
  } finally {
    await db.close()
  }
}

/** Migrations of this version of Cyclewatch that the database has not seen. */
export async function pendingMigrations(db: Database): Promise<Migration[]> {
  const done = await db.read<{ version: number }>('applied_migrations')
  const seen = new Set(done.map(({ version }) => version))
  return migrations().filter(({ version }) => !seen.has(version))
}

/** The migrations this version of Cyclewatch has, oldest first. */
export function migrations(): Migration[] {
  const folder = join(import.meta.dirname, 'migrations')
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => ({
      version: Number.parseInt(file, 10),
      name: file.replace(/\.sql$/, ''),
      statements: splitStatements(readFileSync(join(folder, file), 'utf8')),
    }))
}

/** Statements end with a semicolon at the end of a line; comments stand on lines of their own. */
export function splitStatements(sql: string): string[] {
  return sql
    .replace(/^--.*\n/gm, '')
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}

const MIGRATIONS_TABLE = `
CREATE TABLE IF NOT EXISTS schema_migrations (
  Version UInt32,
  Name String,
  AppliedAt DateTime DEFAULT now()
) ENGINE = ReplacingMergeTree ORDER BY Version`

async function refuseOldServer(db: Database): Promise<void> {
  const [row] = await db.read<{ version: string }>('server_version')
  const found = row?.version ?? 'unknown'
  if (isOlder(found, MINIMUM_VERSION)) {
    throw new Unavailable(`ClickHouse ${found} is too old; Cyclewatch needs ${MINIMUM_VERSION} or newer`)
  }
}

/** Whether `found`, e.g. `25.8.2.1`, comes before `wanted`, e.g. `26.3`. What is no version is older than all. */
export function isOlder(found: string, wanted: string): boolean {
  const [major = 0, minor = 0] = found.split('.').map(Number)
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number)
  return !(major > wantedMajor || (major === wantedMajor && minor >= wantedMinor))
}
