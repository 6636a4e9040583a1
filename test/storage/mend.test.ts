import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@clickhouse/client'
import { afterAll, expect, test } from 'vitest'
import { startEngine } from '#storage/engine/engine.ts'
import { withoutUncommitted } from '#storage/engine/mend.ts'

const root = mkdtempSync(join(tmpdir(), 'cyclewatch-mend-'))
afterAll(() => rmSync(root, { recursive: true }))

const added = (...parts: string[]) => parts.map((part) => `1\t${part}\tblock of ${part}`)

test.each([
  ['keeps tokens whose parts are there', added('d_1_1_0', 'd_2_2_0'), ['d_1_1_0', 'd_2_2_0'], 2],
  ['keeps those of parts that were merged since', added('d_1_1_0', 'd_2_2_0'), ['d_1_2_1'], 2],
  ['keeps those of parts that were mutated since', added('d_1_1_0'), ['d_1_1_0_7'], 1],
  ['removes the last when its part never came', added('d_1_1_0', 'd_2_2_0'), ['d_1_1_0', 'tmp_insert_d_2_2_0'], 1],
  ['removes every token of that part', added('d_1_1_0', 'd_2_2_0', 'd_2_2_0'), ['d_1_1_0', 'deduplication_logs'], 1],
  ['removes the only one', added('d_1_1_0'), [], 0],
  ['takes a part of another partition for another', added('d_1_1_0', 'e_2_2_0'), ['d_1_5_1'], 1],
  ['keeps what is further up: its part was dropped later', added('d_1_1_0', 'd_2_2_0'), ['d_2_2_0'], 2],
  ['keeps a removal', ['2\td_1_1_0\tblock'], [], 1],
  ['has nothing to do for an empty log', [], ['d_1_1_0'], 0],
])('%s', (_, lines, folders, kept) => {
  expect(withoutUncommitted(lines, folders)).toEqual(lines.slice(0, kept))
})

const TABLE = `CREATE TABLE IF NOT EXISTS kept.numbered (n UInt8) ENGINE = MergeTree ORDER BY n
SETTINGS non_replicated_deduplication_window = 9`

/** Starts the engine, inserts 1 and 2 with a token each, stops it, and returns what was stored then. */
async function insertBoth(data: string): Promise<number[]> {
  const engine = await startEngine({ data, httpPort: 0 })
  const client = createClient({ url: engine.url, username: engine.user, password: engine.password })
  await client.command({ query: 'CREATE DATABASE IF NOT EXISTS kept' })
  await client.command({ query: TABLE })
  for (const n of [1, 2]) {
    const clickhouse_settings = { insert_deduplication_token: `token ${n}` }
    await client.command({ query: `INSERT INTO kept.numbered VALUES (${n})`, clickhouse_settings })
  }
  const answer = await client.query({ query: 'SELECT n FROM kept.numbered ORDER BY n', format: 'JSONEachRow' })
  const rows = await answer.json<{ n: number }>()
  await client.close()
  await engine.stop()
  return rows.map(({ n }) => n)
}

function folderOf(part: string): string {
  const name = readdirSync(data, { recursive: true, encoding: 'utf8' }).find((path) => path.endsWith(part))
  return join(data, name ?? 'missing')
}

const data = join(root, 'data')

test('stores the retry of an insert that was killed between its token and its part', async () => {
  expect(await insertBoth(data)).toEqual([1, 2])
  expect(await insertBoth(data)).toEqual([1, 2])
  rmSync(folderOf('all_2_2_0'), { recursive: true })
  expect(await insertBoth(data)).toEqual([1, 2])
})
