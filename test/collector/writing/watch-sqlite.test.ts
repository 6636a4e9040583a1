import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { watchSqlite } from '#collector/writing/sqlite.ts'
import { useWatched } from '#test/collector/writing/watched.ts'

const watched = useWatched()
let db: DatabaseSync

beforeEach(() => {
  db = watchSqlite(new DatabaseSync(':memory:'), { namespace: 'prices' })
  db.exec('CREATE TABLE coins (id INTEGER PRIMARY KEY, name TEXT)')
  db.exec("INSERT INTO coins VALUES (1, 'one'), (2, 'two'), (3, 'three')")
})
afterEach(() => db.close())

const told = () =>
  watched.steps('db').map(({ name, attributes }) => [name, attributes['db.response.returned_rows'] ?? null])

test('tells what statements and the database are asked inside a cycle, also those prepared before', async () => {
  const byId = db.prepare('SELECT * FROM coins WHERE id = ?')
  await watched.cycle(() => {
    expect(byId.get(2)).toMatchObject({ name: 'two' })
    expect(byId.get(9)).toBeUndefined()
    expect(byId.all(1)).toHaveLength(1)
    expect(db.prepare('INSERT INTO coins (name) VALUES (?)').run('four').changes).toBe(1)
    db.exec('DELETE FROM coins WHERE id = 4')
  })
  expect(told()).toEqual([
    ['SELECT coins', 1],
    ['SELECT coins', 0],
    ['SELECT coins', 1],
    ['INSERT coins', null],
    ['DELETE coins', null],
  ])
  expect(watched.steps('db')[0]?.attributes).toMatchObject({
    'db.system.name': 'sqlite',
    'db.namespace': 'prices',
    'db.query.text': 'SELECT * FROM coins WHERE id = ?',
  })
  expect(watched.receiver.one('coins').attributes['cycle.queries']).toBe(5)
})

test('tells a loop over rows as one step, also when it is left early', async () => {
  const all = db.prepare('SELECT * FROM coins')
  await watched.cycle(() => {
    expect([...all.iterate()]).toHaveLength(3)
    for (const row of all.iterate()) {
      expect(row.id).toBe(1)
      break
    }
  })
  expect(told()).toEqual([
    ['SELECT coins', 3],
    ['SELECT coins', 1],
  ])
})

test('tells an error with its number and rethrows it', async () => {
  const failing = watched.cycle(() => db.prepare('INSERT INTO coins VALUES (1, ?)').run('secret'))
  await expect(failing).rejects.toThrow('UNIQUE constraint failed')
  const [step] = watched.steps('db')
  expect(step?.attributes).toMatchObject({ 'error.type': 'ERR_SQLITE_ERROR', 'db.response.status_code': '1555' })
  expect(JSON.stringify(watched.receiver.requests)).not.toContain('secret')
})

test('is the database itself in every other way', () => {
  expect(db).toBeInstanceOf(DatabaseSync)
  expect(db.isOpen).toBe(true)
  expect(db.isTransaction).toBe(false)
  db.function('twice', (n) => Number(n) * 2)
  const twice = db.prepare('SELECT twice(id) AS n FROM coins')
  expect(twice.sourceSQL).toContain('twice')
  expect(twice.all().map(({ n }) => n)).toEqual([2, 4, 6])
})

test('tells nothing outside cycles', async () => {
  db.prepare('SELECT * FROM coins').all()
  await watched.flush()
  expect(watched.receiver.spans).toEqual([])
})
