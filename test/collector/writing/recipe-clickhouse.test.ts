// Recipe: prices into ClickHouse. One insert per batch with the batch's id as its deduplication token: of an insert that
// is repeated because its answer was lost, the table takes nothing.

import { ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { batcher } from '#collector/writing/batcher.ts'
import type { BatchInfo } from '#collector/writing/batcher-options.ts'
import { type Gate, seeded, startGate } from '#test/collector/writing/gate.ts'
import { useDatabase } from '#test/database.ts'

type Price = { coin: string; usd: number; at: number }

// Without the window a table that is not replicated knows no token. A materialized view on it needs a window of its own.
const TABLE = `
  CREATE TABLE IF NOT EXISTS prices (coin String, usd Float64, at DateTime)
  ENGINE = MergeTree ORDER BY (coin, at)
  SETTINGS non_replicated_deduplication_window = 10000`

function openPrices(options: { url: string; username: string; password: string; database: string }) {
  const client = createClient({ ...options, log: { level: ClickHouseLogLevel.OFF } })
  async function write(values: Price[], { id, signal }: BatchInfo): Promise<void> {
    await client.insert({
      table: 'prices',
      values,
      format: 'JSONEachRow',
      abort_signal: signal,
      // Batches are large already; asynchronous inserts would mix them and lose the token.
      clickhouse_settings: { async_insert: 0, insert_deduplicate: 1, insert_deduplication_token: id },
    })
  }
  return { client, write }
}

const { db, name, select } = useDatabase()
const server = inject('clickhouse')
let gate: Gate

beforeAll(async () => {
  await db.run(TABLE)
  const { hostname, port } = new URL(server.url)
  gate = await startGate({ host: hostname, port: Number(port) }, 0.15, seeded(2))
})
afterAll(() => gate.close())

test('writes each price once although connections break before and after the insert', async () => {
  const url = `http://127.0.0.1:${gate.port}`
  const { client, write } = openPrices({ url, username: server.user, password: server.password, database: name })
  const prices = batcher<Price>({
    size: 50,
    everyMs: 1_000,
    summary: 'INSERT prices',
    db: { system: 'clickhouse', namespace: 'prices' },
    tries: 100,
    pauseMs: 1,
    longestPauseMs: 5,
    write,
  })

  for (let n = 0; n < 2_500; n += 1) await prices.add({ coin: `coin ${n}`, usd: n / 100, at: n })
  await prices.close()
  await client.close()

  expect(Math.min(gate.cuts.before, gate.cuts.after)).toBeGreaterThan(5)
  const found = await select<Price>('SELECT coin, usd, toUnixTimestamp(at) AS at FROM prices ORDER BY prices.at')
  expect(found).toHaveLength(2_500)
  expect(found.every(({ coin, usd, at }, n) => coin === `coin ${n}` && usd === n / 100 && at === n)).toBe(true)
})
