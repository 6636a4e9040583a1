// A database of its own for a test file: migrated, dropped at the end.

import { randomUUID } from 'node:crypto'
import { createClient } from '@clickhouse/client'
import { afterAll, beforeAll, inject } from 'vitest'
import { type Database, openDatabase } from '#storage/client.ts'
import { migrate } from '#storage/migrate.ts'
import type { Server } from '#storage/server.ts'

/** `select` runs any SELECT: tests look at tables that the product never reads that way. */
export type TestDatabase = {
  db: Database
  server: Server
  name: string
  select<Row>(query: string): Promise<Row[]>
}

/** Call at the top of a test file. */
export function useDatabase(): TestDatabase {
  const server = inject('clickhouse')
  const name = `test_${randomUUID().replaceAll('-', '')}`
  const db = openDatabase(server, name)
  const client = createClient({ url: server.url, username: server.user, password: server.password, database: name })
  beforeAll(async () => {
    await migrate(server, name)
  })
  afterAll(async () => {
    await db.run('DROP DATABASE IF EXISTS {name:Identifier}', { name })
    await db.close()
    await client.close()
  })
  const select = async <Row>(query: string) => (await client.query({ query, format: 'JSONEachRow' })).json<Row>()
  return { db, server, name, select }
}
