import { expect, test } from 'vitest'
import { openDatabase } from '#storage/client.ts'
import { isOlder, migrate, migrations, pendingMigrations, splitStatements } from '#storage/migrate.ts'
import { useDatabase } from '#test/database.ts'

const { db, server, name, select } = useDatabase()

test('applies each migration once and records it', async () => {
  expect(await migrate(server, name)).toEqual([])
  expect(await pendingMigrations(db)).toEqual([])
  const recorded = await select<{ Name: string }>('SELECT Name FROM schema_migrations ORDER BY Version')
  expect(recorded.map(({ Name }) => Name)).toEqual(migrations().map((migration) => migration.name))
})

test('can run every statement again after a migration that stopped half way', async () => {
  const before = await select(
    'SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name',
  )
  await db.run('TRUNCATE TABLE schema_migrations')
  expect(await migrate(server, name)).toHaveLength(migrations().length)
  expect(
    await select('SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name'),
  ).toEqual(before)
})

test('numbers migrations without gaps', () => {
  expect(migrations().map(({ version }) => version)).toEqual(migrations().map((_, index) => index + 1))
})

test('gives every table that views fill a deduplication window, so that a retried insert writes once', async () => {
  const tables = await select<{ name: string; create_table_query: string }>(
    "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name != 'schema_migrations'",
  )
  const without = tables.filter(({ create_table_query: sql }) => !sql.includes('non_replicated_deduplication_window'))
  expect(without.map((table) => table.name)).toEqual([])
})

test('splits statements at semicolons that end a line, without the comments', () => {
  const sql = "-- first; not here\nSELECT 'a;b';\n\n-- second\nSELECT 2\n;\n"
  expect(splitStatements(sql)).toEqual(["SELECT 'a;b'", 'SELECT 2'])
})

test.each([
  ['26.3.1.1', false],
  ['26.3', false],
  ['26.10.2', false],
  ['27.1', false],
  ['26.2.9.9', true],
  ['25.12', true],
  ['unknown', true],
])('takes version %s for older than 26.3: %s', (found, older) => {
  expect(isOlder(found, '26.3')).toBe(older)
})

test('says so when the database has not been made', async () => {
  const missing = openDatabase(server, 'never_made')
  await expect(missing.read('cycle_names')).rejects.toMatchObject({
    name: 'Unavailable',
    message: expect.stringContaining('run migrate'),
  })
  await missing.close()
})

test('makes cycles and steps of what a Collector had stored before', async () => {
  const database = `${name}_before`
  const before = openDatabase(server, database)
  await migrate(server, database)
  for (const table of ['root_spans', 'child_spans', 'schema_migrations']) await before.run(`DROP TABLE ${table}`)
  for (const view of ['root_spans_mv', 'child_spans_mv']) await before.run(`DROP VIEW ${view}`)
  await before.run(
    `INSERT INTO otel_traces (Timestamp, TraceId, SpanId, ParentSpanId, SpanName, ServiceName, SpanAttributes, Duration)
     SELECT toDateTime64('2026-01-01 00:00:00', 9, 'UTC') + number * 43200, lower(hex(MD5(toString(intDiv(number, 2))))),
            lower(hex(sipHash64(number))), if(number % 2 = 0, '', 'p'), 'x', 's', map('cycle.name', 'old'), 1000000 FROM numbers(20)`,
  )
  await migrate(server, database)
  const counted = `SELECT (SELECT count() FROM ${database}.cycles) AS cycles, (SELECT count() FROM ${database}.steps) AS steps`
  expect(await select(counted)).toEqual([{ cycles: 10, steps: 10 }])
  await before.run('DROP DATABASE {database:Identifier}', { database })
  await before.close()
})

test('makes tables of a Collector know an insert that comes again', async () => {
  const database = `${name}_collector`
  const before = openDatabase(server, database)
  await migrate(server, database)
  await before.run('DROP TABLE schema_migrations')
  await before.run('ALTER TABLE otel_logs MODIFY SETTING non_replicated_deduplication_window = 0')
  await migrate(server, database)
  for (const _ of [1, 2]) {
    await before.run(
      "INSERT INTO otel_logs (Timestamp, Body) SETTINGS insert_deduplication_token = 'same' VALUES (now64(9), 'once')",
    )
  }
  expect(await select(`SELECT Body FROM ${database}.otel_logs`)).toEqual([{ Body: 'once' }])
  await before.run('DROP DATABASE {database:Identifier}', { database })
  await before.close()
})
