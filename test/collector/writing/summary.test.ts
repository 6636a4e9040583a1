import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sanitized, summaryOf } from '#collector/writing/summary.ts'

const summaries: [sql: string, summary: string, system?: string][] = [
  ['SELECT price FROM coins WHERE id = 7', 'SELECT coins'],
  ['select * from app.coins c', 'select app.coins'],
  ['SELECT * FROM coins c JOIN prices p ON p.coin = c.id, markets', 'SELECT coins prices'],
  ['SELECT * FROM coins, markets m, prices WHERE a IN (1, 2)', 'SELECT coins markets prices'],
  ['SELECT * FROM (SELECT id FROM coins) c', 'SELECT SELECT coins'],
  ['SELECT extract(year FROM at), a IS DISTINCT FROM b FROM prices', 'SELECT prices'],
  ['SELECT count(*) FROM prices GROUP BY coin, day', 'SELECT prices'],
  ['SELECT 1', 'SELECT'],
  ['SELECT n FROM generate_series(1, 9) n', 'SELECT'],
  ['SELECT replace(name, 1, 2) FROM coins FOR UPDATE', 'SELECT coins'],
  ['SELECT tag FROM posts ARRAY JOIN tags AS tag', 'SELECT posts', 'clickhouse'],
  ['WITH top AS (SELECT id FROM coins LIMIT 9) SELECT * FROM top', 'SELECT coins SELECT top'],
  ['SELECT a FROM x UNION ALL SELECT b FROM y', 'SELECT x SELECT y'],
  ['INSERT INTO prices (coin, usd) VALUES (1, 2), (3, 4) ON CONFLICT DO UPDATE SET usd = 2', 'INSERT prices'],
  ['INSERT OR REPLACE INTO prices VALUES (1)', 'INSERT prices', 'sqlite'],
  ['INSERT INTO shipped (id) SELECT id FROM orders', 'INSERT shipped SELECT orders'],
  ['INSERT INTO prices SELECT * FROM unnest($1::int[])', 'INSERT prices SELECT', 'postgresql'],
  ['REPLACE INTO prices VALUES (1)', 'REPLACE prices', 'mysql'],
  ['UPDATE ONLY prices SET usd = 1 WHERE coin = 2', 'UPDATE prices'],
  ['DELETE FROM prices WHERE at < 5', 'DELETE prices'],
  ['MERGE INTO prices p USING fresh f ON p.id = f.id', 'MERGE prices fresh'],
  ['TRUNCATE TABLE prices', 'TRUNCATE prices'],
  ['CREATE TABLE IF NOT EXISTS app.prices (coin INT REFERENCES coins)', 'CREATE TABLE app.prices'],
  ['CREATE UNIQUE INDEX CONCURRENTLY by_coin ON prices (coin)', 'CREATE INDEX by_coin'],
  ['CREATE OR REPLACE VIEW top AS SELECT * FROM coins; SELECT 1', 'CREATE VIEW top SELECT'],
  ['ALTER TABLE prices ADD COLUMN eur REAL', 'ALTER TABLE prices'],
  ['BEGIN; UPDATE a SET x = 1; COMMIT', 'BEGIN UPDATE a COMMIT'],
  ['PRAGMA journal_mode = WAL', 'PRAGMA'],
  ['EXPLAIN DELETE FROM prices', 'EXPLAIN DELETE prices'],
  ['/* from a, b */ SELECT x -- from c\nFROM "prices"', 'SELECT prices'],
  ['SELECT x FROM "odd ""name" JOIN `b`', 'SELECT "odd ""name" b'],
  ['SELECT a FROM [dbo].[Prices]', 'SELECT dbo.Prices', 'microsoft.sql_server'],
  [`SELECT x FROM ${'n'.repeat(300)}, b`, 'SELECT'],
  ["it's nothing", ''],
  ['', ''],
]

for (const [sql, summary, system = 'other_sql'] of summaries) {
  test(`sums up ${sql.slice(0, 80)}`, () => expect(summaryOf(sql, system)).toBe(summary))
}

const texts: [sql: string, text: string, system?: string][] = [
  ["SELECT * FROM coins WHERE name = 'O''Hara' AND n = -12.5e-3", 'SELECT * FROM coins WHERE name = ? AND n = -?'],
  ['SELECT c3po FROM covid19 WHERE a1=0xFF', 'SELECT c3po FROM covid19 WHERE a1=?'],
  ["WHERE id IN (1, 2, 'x')", 'WHERE id IN (?)'],
  ['INSERT INTO t VALUES (1, 2), (3, 4)', 'INSERT INTO t VALUES (?)'],
  ['a = $1 AND b = :name AND c = @d AND e = ?', 'a = $1 AND b = :name AND c = @d AND e = ?'],
  ['SELECT {id: UInt32}', 'SELECT {id: UInt32}', 'clickhouse'],
  ["SELECT $$a 'secret' b$$, $x$ $$ $x$", 'SELECT ?', 'postgresql'],
  ["SELECT E'a\\'secret', 'b\\' FROM t", 'SELECT E? FROM t', 'postgresql'],
  ["SELECT 'a\\'secret' FROM t", 'SELECT ? FROM t', 'clickhouse'],
  ['SELECT "secret" FROM t', 'SELECT ? FROM t', 'mysql'],
  ['SELECT a FROM t WHERE name = "secret"', 'SELECT a FROM t WHERE name = ?', 'sqlite'],
  ['SELECT "a" FROM t', 'SELECT "a" FROM t', 'postgresql'],
  ['SELECT a /* secret /* nested */ secret */ FROM t -- secret', 'SELECT a FROM t'],
  ['SELECT a # secret\nFROM t', 'SELECT a FROM t', 'mysql'],
  ["SELECT 'never closed secret", 'SELECT ?'],
  // Whether the backslash escapes is not known here: nothing after it is read.
  ["SELECT a, 'C:\\', 'secret' FROM t", 'SELECT a,'],
]

for (const [sql, text, system = 'other_sql'] of texts) {
  test(`hides the literals of ${sql.slice(0, 60)}`, () => expect(sanitized(sql, system)).toBe(text))
}

const systems = fc.constantFrom('postgresql', 'sqlite', 'mysql', 'clickhouse', 'microsoft.sql_server', 'other_sql')
const pieces = fc.constantFrom(
  ...["'", '"', '`', '$$', '$a$', '\\', '/*', '*/', '--', '#', '\n', '(', ')', ',', ';', '.', '[', ']', ':', '@', '1'],
  ...[' ', 'SELECT', ' FROM ', 'INTO', 'UPDATE', ' a', 'E', 'CREATE', 'TABLE', ' 1e', '+', '0x', '😀', '\ud800', 'ß'],
)

test('takes any text, and gives no more than fits', () => {
  const text = fc.oneof(
    fc.array(pieces, { maxLength: 60 }).map((all) => all.join('')),
    fc.string({ unit: 'binary' }),
  )
  fc.assert(
    fc.property(text, systems, (sql, system) => {
      expect(summaryOf(sql, system).length).toBeLessThanOrEqual(255)
      expect(sanitized(sql, system).length).toBeLessThanOrEqual(2_001)
    }),
    { numRuns: 2_000 },
  )
})

test('shows no literal, however it is written', () => {
  const inner = fc.array(fc.constantFrom('secret', "''", '""', '--', '/*', '$$', '(', ' FROM ', ';', '#'), {
    maxLength: 6,
  })
  const quoted = inner.map((all) => `'${all.join('').replaceAll("'", "''")}secret'`)
  const number = fc.constantFrom('8675309', '8675309.5', '.8675309', '8675309e10', '0x8675309')
  const literals = fc.array(fc.oneof(quoted, number), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(literals, systems, (all, system) => {
      const sql = `INSERT INTO prices SELECT a, ${all.join(' , ')} FROM coins WHERE a = ${all[0]}`
      expect(summaryOf(sql, system)).toBe('INSERT prices SELECT coins')
      expect(sanitized(sql, system)).toBe('INSERT INTO prices SELECT a, ? FROM coins WHERE a = ?')
    }),
    { numRuns: 500 },
  )
})
