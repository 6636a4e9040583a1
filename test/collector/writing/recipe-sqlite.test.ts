// Recipe: prices into a file of node:sqlite. One transaction per batch; the batch's id goes in with the rows, so that a
// batch that is repeated because its answer was lost writes nothing.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { batcher } from '#collector/writing/batcher.ts'
import type { BatchInfo } from '#collector/writing/batcher-options.ts'
import { seeded } from '#test/collector/writing/gate.ts'

type Price = { coin: string; usd: number; at: number }

function openPrices(file: string) {
  const db = new DatabaseSync(file)
  db.exec(`
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS prices (coin TEXT, usd REAL, at INTEGER);
    -- Ids older than the longest retry (withinMs) may be deleted.
    CREATE TABLE IF NOT EXISTS written_batches (id TEXT PRIMARY KEY, at INTEGER DEFAULT (unixepoch())) WITHOUT ROWID;
  `)
  const remember = db.prepare('INSERT INTO written_batches (id) VALUES (?) ON CONFLICT DO NOTHING')
  const insert = db.prepare('INSERT INTO prices (coin, usd, at) VALUES (?, ?, ?)')

  function write(rows: Price[], { id }: BatchInfo): void {
    db.exec('BEGIN IMMEDIATE')
    try {
      const isNew = remember.run(id).changes === 1
      if (isNew) for (const { coin, usd, at } of rows) insert.run(coin, usd, at)
      db.exec('COMMIT')
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK')
      throw error
    }
  }
  return { db, write }
}

test('writes each price once although writes fail before and after their commit', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cyclewatch-prices-'))
  const { db, write } = openPrices(join(folder, 'prices.db'))
  const random = seeded(4)
  const faults = { before: 0, after: 0 }

  const prices = batcher<Price>({
    size: 50,
    everyMs: 1_000,
    summary: 'INSERT prices',
    db: { system: 'sqlite', namespace: 'prices' },
    tries: 100,
    pauseMs: 1,
    longestPauseMs: 5,
    write(rows, batch) {
      // What a full disk, another process's lock or a crash between commit and answer would do.
      if (random() < 0.3) throw fault('before')
      write(rows, batch)
      if (random() < 0.3) throw fault('after')
    },
  })
  const fault = (when: keyof typeof faults) => {
    faults[when] += 1
    return new Error(`failed ${when} the commit`)
  }

  for (let n = 0; n < 2_500; n += 1) await prices.add({ coin: `coin ${n}`, usd: n / 100, at: n })
  await prices.close()

  expect(Math.min(faults.before, faults.after)).toBeGreaterThan(5)
  const found = db.prepare('SELECT coin, usd, at FROM prices ORDER BY rowid').all()
  expect(found).toHaveLength(2_500)
  expect(found.every(({ coin, usd, at }, n) => coin === `coin ${n}` && usd === n / 100 && at === n)).toBe(true)
  db.close()
  rmSync(folder, { recursive: true })
})
