// Recipe: prices into PostgreSQL. One statement per batch, which is one transaction and one round trip: it remembers the
// batch's id and inserts the rows from arrays, or finds the id known and inserts nothing.

import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { batcher } from '#collector/writing/batcher.ts'
import type { BatchInfo } from '#collector/writing/batcher-options.ts'
import { type Gate, seeded, startGate } from '#test/collector/writing/gate.ts'
import { type Postgres, startPostgres } from '#test/collector/writing/postgres.ts'

type Price = { coin: string; usd: number; at: Date }

const TABLES = `
  CREATE TABLE IF NOT EXISTS prices (coin TEXT, usd FLOAT8, at TIMESTAMPTZ);
  -- Ids older than the longest retry (withinMs) may be deleted.
  CREATE TABLE IF NOT EXISTS written_batches (id UUID PRIMARY KEY, at TIMESTAMPTZ DEFAULT now());`

const INSERT = `
  WITH batch AS (INSERT INTO written_batches (id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id)
  INSERT INTO prices (coin, usd, at)
  SELECT coin, usd, at FROM batch, unnest($2::text[], $3::float8[], $4::timestamptz[]) AS row (coin, usd, at)`

function openPrices(connection: pg.PoolConfig) {
  const pool = new pg.Pool({ ...connection, max: 2 })
  // Without a listener a connection that breaks while idle would end the process.
  pool.on('error', () => {})
  async function write(rows: Price[], { id }: BatchInfo): Promise<void> {
    const columns = [rows.map(({ coin }) => coin), rows.map(({ usd }) => usd), rows.map(({ at }) => at)]
    await pool.query(INSERT, [id, ...columns])
  }
  return { pool, write }
}

let postgres: Postgres
let gate: Gate

beforeAll(async () => {
  postgres = await startPostgres()
  await postgres.run(TABLES)
  gate = await startGate(postgres.connection, 0.15, seeded(1))
})
afterAll(async () => {
  await gate.close()
  await postgres.close()
})

test('writes each price once although connections break before and after the commit', async () => {
  const { pool, write } = openPrices({ ...postgres.connection, port: gate.port })
  const prices = batcher<Price>({
    size: 50,
    everyMs: 1_000,
    summary: 'INSERT prices',
    db: { system: 'postgresql', namespace: 'prices' },
    tries: 100,
    pauseMs: 1,
    longestPauseMs: 5,
    write,
  })

  for (let n = 0; n < 2_500; n += 1) await prices.add({ coin: `coin ${n}`, usd: n / 100, at: new Date(n * 1_000) })
  await prices.close()
  await pool.end()

  expect(Math.min(gate.cuts.before, gate.cuts.after)).toBeGreaterThan(5)
  const found = await postgres.select<Price>('SELECT coin, usd, at FROM prices ORDER BY at')
  expect(found).toHaveLength(2_500)
  expect(found.every(({ coin, usd, at }, n) => coin === `coin ${n}` && usd === n / 100 && +at === n * 1_000)).toBe(true)
})
