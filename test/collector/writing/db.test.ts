import { context } from '@opentelemetry/api'
import { expect, test } from 'vitest'
import { current } from '#collector/ongoing.ts'
import { type Db, type DbOptions, dbIn } from '#collector/writing/db.ts'
import { BadInput } from '#model/errors.ts'
import { useWatched } from '#test/collector/writing/watched.ts'

const watched = useWatched()

const POSTGRES: DbOptions = {
  system: 'postgresql',
  namespace: 'prices',
  serverAddress: 'db.internal',
  serverPort: 5432,
}

/** A cycle with `run.db(options)`. */
function inCycle<T>(fn: (db: Db) => T | Promise<T>, options = POSTGRES): Promise<T> {
  return watched.cycle(() => {
    const here = current()
    if (!here) throw new Error('no cycle here')
    return fn(dbIn(here.ongoing, options))
  })
}

test('tells a query by the conventions, named by its summary, without its literals', async () => {
  const sql = "SELECT usd FROM prices WHERE coin = 'secret' AND at > $1"
  const rows = await inCycle((db) => db.query(sql, async () => [{ usd: 1 }, { usd: 2 }]))
  expect(rows).toEqual([{ usd: 1 }, { usd: 2 }])
  const [step] = watched.steps('db')
  expect(step).toMatchObject({ name: 'SELECT prices', kind: 3, parentSpanId: watched.receiver.one('coins').spanId })
  expect(step?.attributes).toEqual({
    'cycle.name': 'coins',
    'step.kind': 'db',
    'db.system.name': 'postgresql',
    'db.namespace': 'prices',
    'server.address': 'db.internal',
    'server.port': 5432,
    'db.query.summary': 'SELECT prices',
    'db.query.text': 'SELECT usd FROM prices WHERE coin = ? AND at > $1',
    'db.response.returned_rows': 2,
  })
})

const names: [query: string, name: string, text: string | undefined][] = [
  ['INSERT prices', 'INSERT prices', undefined],
  ['coins by rank', 'coins by rank', undefined],
  ['select a from coins', 'select coins', 'select a from coins'],
  ['COMMIT', 'COMMIT', undefined],
  ['SELECT 12', 'SELECT', 'SELECT ?'],
  ['?!', 'postgresql', '?!'],
]

for (const [query, name, text] of names) {
  test(`names ${query} ${name}`, async () => {
    await inCycle((db) => db.query(query, () => 1))
    const [step] = watched.steps('db')
    expect(step?.name).toBe(name)
    expect(step?.attributes['db.query.text']).toBe(text)
  })
}

test('takes the first argument for a summary when it comes with the text', async () => {
  await inCycle((db) => db.query('select from here', () => 1, { text: 'SELECT 5 FROM coins' }))
  const [step] = watched.steps('db')
  expect(step?.name).toBe('select from here')
  expect(step?.attributes['db.query.text']).toBe('SELECT ? FROM coins')
})

for (const [batchSize, name, size] of [
  [500, 'BATCH INSERT prices', 500],
  [1, 'INSERT prices', undefined],
  [undefined, 'INSERT prices', undefined],
] as const) {
  test(`tells a batch of ${batchSize} as ${name}`, async () => {
    const more = { batchSize, operation: 'INSERT', collection: 'prices' }
    await inCycle((db) => db.query('INSERT prices', () => 1, more))
    const [step] = watched.steps('db')
    expect(step?.name).toBe(name)
    expect(step?.attributes['db.operation.batch.size']).toBe(size)
    expect(step?.attributes).toMatchObject({ 'db.operation.name': 'INSERT', 'db.collection.name': 'prices' })
  })
}

const failures: [what: string, error: Error, type: string, status: string | undefined][] = [
  ['an SQLSTATE', Object.assign(new Error('duplicate key'), { code: '23505' }), '23505', '23505'],
  ['a number of ClickHouse', Object.assign(new Error('unknown table'), { code: '60' }), '60', '60'],
  [
    'a number of SQLite',
    Object.assign(new Error('constraint'), { code: 'ERR_SQLITE_ERROR', errcode: 1555 }),
    'ERR_SQLITE_ERROR',
    '1555',
  ],
  ['a broken connection', Object.assign(new Error('no'), { code: 'EPIPE', errno: -32 }), 'EPIPE', undefined],
  ['an error without a code', new RangeError('odd'), 'RangeError', undefined],
]

for (const [what, error, type, status] of failures) {
  test(`tells ${what} and rethrows it unchanged`, async () => {
    const failing = inCycle((db) => db.query('INSERT prices', () => Promise.reject(error)))
    await expect(failing).rejects.toBe(error)
    const [step] = watched.steps('db')
    expect(step?.status.code).toBe(2)
    expect(step?.attributes['error.type']).toBe(type)
    expect(step?.attributes['db.response.status_code']).toBe(status)
  })
}

test('counts a query with others inside it once, and tells only the outer one', async () => {
  await inCycle((db) =>
    db.query('transaction', async () => {
      await db.query('INSERT prices', () => 1)
      await db.query('INSERT prices', () => 1)
    }),
  )
  expect(watched.steps('db').map(({ name }) => name)).toEqual(['transaction'])
  expect(watched.receiver.one('coins').attributes['cycle.queries']).toBe(1)
})

test('adds queries and their time to the cycle', async () => {
  await inCycle(async (db) => {
    for (let n = 0; n < 3; n += 1) await db.query('SELECT coins', () => new Promise((done) => setTimeout(done, 10)))
  })
  const { attributes } = watched.receiver.one('coins')
  expect(attributes['cycle.queries']).toBe(3)
  const told = watched.steps('db').reduce((sum, { durationMs }) => sum + durationMs, 0)
  expect(attributes['cycle.db_ms']).toBeCloseTo(told, 1)
  expect(attributes['cycle.db_ms']).toBeGreaterThanOrEqual(27)
})

test('runs steps inside a query below it', async () => {
  await watched.cycle((run) => {
    const db = dbIn((current() as NonNullable<ReturnType<typeof current>>).ongoing, POSTGRES)
    return db.query('SELECT coins', () => run.step('part', 'compute', () => {}))
  })
  const [query] = watched.steps('db')
  expect(watched.steps('compute')[0]?.parentSpanId).toBe(query?.spanId)
})

test('refuses what is no database or no query', async () => {
  await expect(inCycle(() => {}, { system: '' })).rejects.toThrow(BadInput)
  await expect(inCycle((db) => db.query('', () => 1))).rejects.toThrow('a query must not be empty')
  await expect(inCycle((db) => db.query('SELECT', 'x' as never))).rejects.toThrow("query 'SELECT' needs a function")
})

test('knows no cycle outside any', () => {
  expect(current()).toBeUndefined()
  expect(context.active()).toBeDefined()
})
