import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { watchPg } from '#collector/writing/pg.ts'
import { type Postgres, startPostgres } from '#test/collector/writing/postgres.ts'
import { useWatched } from '#test/collector/writing/watched.ts'

const watched = useWatched()
let postgres: Postgres
let pool: pg.Pool

beforeAll(async () => {
  postgres = await startPostgres()
  pool = watchPg(new pg.Pool({ ...postgres.connection, max: 2 }))
  await pool.query('CREATE TABLE coins (id INT PRIMARY KEY, name TEXT)')
  await pool.query("INSERT INTO coins VALUES (1, 'one'), (2, 'two')")
})
afterAll(async () => {
  await pool.end()
  await postgres.close()
})

const told = () =>
  watched.steps('db').map(({ name, attributes }) => [name, attributes['db.response.returned_rows'] ?? null])

test('tells queries of a pool inside a cycle', async () => {
  const { rows } = await watched.cycle(() =>
    pool.query<{ name: string }>('SELECT name FROM coins WHERE id = $1', ['2']),
  )
  expect(rows.map(({ name }) => name)).toEqual(['two'])
  expect(watched.steps('db').map(({ name }) => name)).toEqual(['SELECT coins'])
  expect(watched.steps('db')[0]?.attributes).toMatchObject({
    'db.system.name': 'postgresql',
    'db.namespace': 'postgres',
    'server.address': '127.0.0.1',
    'server.port': postgres.connection.port,
    'db.query.text': 'SELECT name FROM coins WHERE id = $1',
    'db.response.returned_rows': 1,
  })
})

test('tells queries of a client that the pool lends, and those with a callback', async () => {
  await watched.cycle(async () => {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      await client.query({ text: 'UPDATE coins SET name = $1 WHERE id = 1', values: ['uno'] })
      await client.query('COMMIT')
      await new Promise<void>((resolve, reject) => {
        client.query('SELECT id FROM coins', (error, result) => {
          if (error) reject(error)
          else resolve(expect(result.rows).toHaveLength(2))
        })
      })
    } finally {
      client.release()
    }
    await new Promise<void>((resolve, reject) => {
      pool.connect((error, lent, done) => {
        if (error || !lent) return reject(error)
        lent.query('SELECT name FROM coins').then(() => resolve(done()), reject)
      })
    })
  })
  expect(told()).toEqual([
    ['BEGIN', null],
    ['UPDATE coins', null],
    ['COMMIT', null],
    ['SELECT coins', 2],
    ['SELECT coins', 2],
  ])
  expect(pool.idleCount).toBe(pool.totalCount)
})

test('tells an error with its SQLSTATE, without the parameters', async () => {
  const failing = watched.cycle(() => pool.query('INSERT INTO coins VALUES ($1, $2)', [1, 'secret']))
  await expect(failing).rejects.toMatchObject({ code: '23505' })
  expect(watched.steps('db')[0]?.attributes).toMatchObject({
    'error.type': '23505',
    'db.response.status_code': '23505',
  })
  expect(JSON.stringify(watched.receiver.requests)).not.toContain('secret')
})

test('watches a single client as well', async () => {
  const client = watchPg(new pg.Client(postgres.connection))
  await client.connect()
  await watched.cycle(() => client.query('SELECT 1 AS one'))
  await client.end()
  expect(told()).toEqual([['SELECT', 1]])
})
