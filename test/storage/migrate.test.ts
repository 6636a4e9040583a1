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

test.each([
  {
    when: 'nothing listens',
    server: { ...server, url: 'http://127.0.0.1:9' },
    says: /http:\/\/127\.0\.0\.1:9 cannot be reached: .*ECONNREFUSED/,
  },
  {
    when: 'the password is wrong',
    server: { ...server, password: 'wrong' },
    says: /refuses the user or password \(clickhouse\.user/,
  },
  { when: 'the user does not exist', server: { ...server, user: 'nobody' }, says: /refuses the user or password/ },
])('says so when $when', async ({ server: wrong, says }) => {
  const broken = openDatabase(wrong, name)
  await expect(broken.read('server_version')).rejects.toMatchObject({
    name: 'Unavailable',
    message: expect.stringMatching(says),
  })
  await broken.close()
})

test('says so when the database has not been made', async () => {
  const missing = openDatabase(server, 'never_made')
  await expect(missing.read('cycle_names')).rejects.toMatchObject({
    name: 'Unavailable',
    message: expect.stringContaining('run migrate'),
  })
  await missing.close()
})
