import { ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { watchClickHouse } from '#collector/writing/clickhouse.ts'
import { useWatched } from '#test/collector/writing/watched.ts'
import { useDatabase } from '#test/database.ts'

const watched = useWatched()
const { name } = useDatabase()
const { url, user, password } = inject('clickhouse')
const client = watchClickHouse(
  createClient({ url, username: user, password, database: name, log: { level: ClickHouseLogLevel.OFF } }),
  {
    namespace: name,
    serverAddress: '127.0.0.1',
  },
)

beforeAll(async () => {
  await client.command({ query: 'CREATE TABLE coins (id UInt32, name String) ENGINE = MergeTree ORDER BY id' })
})
afterAll(() => client.close())

test('tells queries, inserts and commands inside a cycle', async () => {
  const rows = await watched.cycle(async () => {
    await client.insert({
      table: 'coins',
      values: [
        { id: 1, name: 'secret' },
        { id: 2, name: 'two' },
      ],
      format: 'JSONEachRow',
    })
    await client.insert({ table: 'coins', values: [{ id: 3, name: 'three' }], format: 'JSONEachRow' })
    await client.command({ query: "ALTER TABLE coins COMMENT COLUMN name 'secret'" })
    const query = 'SELECT name FROM coins WHERE id = {id: UInt32}'
    const answer = await client.query({ query, query_params: { id: 2 }, format: 'JSONEachRow' })
    return answer.json<{ name: string }>()
  })
  expect(rows).toEqual([{ name: 'two' }])
  expect(watched.steps('db').map((step) => step.name)).toEqual([
    'BATCH INSERT coins',
    'INSERT coins',
    'ALTER TABLE coins',
    'SELECT coins',
  ])
  expect(watched.steps('db')[0]?.attributes).toMatchObject({
    'db.system.name': 'clickhouse',
    'db.namespace': name,
    'server.address': '127.0.0.1',
    'db.operation.name': 'INSERT',
    'db.collection.name': 'coins',
    'db.operation.batch.size': 2,
  })
  expect(watched.steps('db')[0]?.attributes).not.toHaveProperty('db.query.text')
  expect(JSON.stringify(watched.receiver.requests)).not.toContain('secret')
})

test('tells an error with its number', async () => {
  await expect(watched.cycle(() => client.query({ query: 'SELECT a FROM nowhere' }))).rejects.toMatchObject({
    code: '60',
  })
  expect(watched.steps('db')[0]?.attributes).toMatchObject({ 'error.type': '60', 'db.response.status_code': '60' })
})
