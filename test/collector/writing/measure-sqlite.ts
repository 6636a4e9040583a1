// Single-row inserts against the batcher, into a file of node:sqlite: node test/collector/writing/measure-sqlite.ts [FOLDER]
// Rounds of both take turns; the figures are medians over them.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { batcher } from '#collector/writing/batcher.ts'

const ROWS = 1_000
const ROUNDS = 9
const MODES = {
  'as SQLite comes': '',
  'write-ahead log': 'PRAGMA journal_mode = WAL;',
  'write-ahead log, synced at checkpoints': 'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;',
}

type Row = [coin: string, usd: number, at: number]
const rows: Row[] = Array.from({ length: ROWS }, (_, n) => [`coin ${n}`, n / 100, n])

function open(file: string, pragmas: string) {
  const db = new DatabaseSync(file)
  db.exec(`${pragmas}
    CREATE TABLE prices (coin TEXT, usd REAL, at INTEGER);
    CREATE TABLE written_batches (id TEXT PRIMARY KEY) WITHOUT ROWID;`)
  const insert = db.prepare('INSERT INTO prices VALUES (?, ?, ?)')
  const remember = db.prepare('INSERT INTO written_batches VALUES (?) ON CONFLICT DO NOTHING')
  const singly = () => {
    for (const row of rows) insert.run(...row)
  }
  const batched = async () => {
    await using prices = batcher<Row>({
      size: 500,
      everyMs: 1_000,
      write(batch, { id }) {
        db.exec('BEGIN IMMEDIATE')
        if (remember.run(id).changes === 1) for (const row of batch) insert.run(...row)
        db.exec('COMMIT')
      },
    })
    for (const row of rows) await prices.add(row)
  }
  return { db, singly, batched }
}

async function timed(fn: () => unknown): Promise<number> {
  const startedAt = performance.now()
  await fn()
  return performance.now() - startedAt
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] as number

for (const [mode, pragmas] of Object.entries(MODES)) {
  const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'cyclewatch-measure-'))
  const { db, singly, batched } = open(join(folder, 'prices.db'), pragmas)
  const singles: number[] = []
  const batches: number[] = []
  for (let round = -1; round < ROUNDS; round += 1) {
    const pair = [await timed(singly), await timed(batched)] as const
    if (round < 0) continue
    singles.push(pair[0])
    batches.push(pair[1])
  }
  const [one, many] = [median(singles), median(batches)]
  const each = (ms: number) => `${((ms * 1_000) / ROWS).toFixed(1)} µs a row`
  console.log(`${mode}: singly ${each(one)}, batched ${each(many)}, ${(one / many).toFixed(1)} times as fast`)
  db.close()
  rmSync(folder, { recursive: true })
}
