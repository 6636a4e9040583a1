// What storing spans costs ClickHouse when nothing has to be decoded or mapped: the same rows, as Native from files, into
// tables and views of the same kind. Ingest is measured against it.

import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { ClickHouseLogLevel, type ClickHouseSettings, createClient } from '@clickhouse/client'
import { migrate } from '#storage/migrate.ts'
import type { Server } from '#storage/server.ts'
import { processorTimeOf } from '#test/bench/up.ts'

/** A ClickHouse on this machine, and its process. */
export type Measured = { server: Server; pid: number }

/**
 * `database` has the spans, at least `inserts` times `spansAnInsert`. `folder` has room for one insert. `settings` are
 * those that ingest inserts with.
 */
export type LimitOrder = {
  database: string
  inserts: number
  spansAnInsert: number
  folder: string
  settings?: ClickHouseSettings
}

const MERGES_MS = 120_000
const REQUEST_MS = 120_000

/**
 * Processor seconds of the engine per million spans, its merges included; null on a system without /proc. What it takes
 * to read the rows out is not counted. Merges of other databases are, so wait for them first: `mergesSettled`.
 */
export async function measureLimit({ server, pid }: Measured, order: LimitOrder): Promise<number | null> {
  const { database, inserts, spansAnInsert, folder, settings = {} } = order
  const copy = `limit_${randomUUID().replaceAll('-', '')}`
  const file = join(folder, `${copy}.native`)
  await migrate(server, copy)
  await using from = connect(server, database)
  await using into = connect(server, copy)
  try {
    let spent = 0
    for (let n = 0; n < inserts; n++) {
      await exportRows(from, file, n * spansAnInsert, spansAnInsert)
      const before = processorTimeOf(pid)
      await importRows(into, file, settings)
      spent += (processorTimeOf(pid) ?? Number.NaN) - (before ?? Number.NaN)
    }
    const before = processorTimeOf(pid)
    await mergesSettled(server)
    spent += (processorTimeOf(pid) ?? Number.NaN) - (before ?? Number.NaN)
    const stored = await countOf(into)
    if (stored !== inserts * spansAnInsert) throw new Error(`the limit was measured with ${stored} spans only`)
    return Number.isNaN(spent) ? null : (spent * 1e6) / stored
  } finally {
    await from.command({ query: 'DROP DATABASE IF EXISTS {copy:Identifier}', query_params: { copy } })
    await rm(file, { force: true })
  }
}

/** Waits until the server has merged what it wants to, two minutes at most. */
export async function mergesSettled(server: Server): Promise<void> {
  await using client = connect(server, 'system')
  let quiet = 0
  for (const deadline = performance.now() + MERGES_MS; quiet < 4 && performance.now() < deadline; ) {
    const [row] = await rows<{ running: number }>(client, 'SELECT toUInt32(count()) AS running FROM system.merges')
    quiet = row?.running === 0 ? quiet + 1 : 0
    await delay(250)
  }
}

type Client = ReturnType<typeof connect>

function connect({ url, user, password }: Server, database: string) {
  const login = { url, username: user, password, database }
  return createClient({ ...login, request_timeout: REQUEST_MS, log: { level: ClickHouseLogLevel.OFF } })
}

async function rows<Row>(client: Client, query: string): Promise<Row[]> {
  return (await client.query({ query, format: 'JSONEachRow' })).json<Row>()
}

async function countOf(client: Client): Promise<number> {
  const [row] = await rows<{ spans: number }>(client, 'SELECT toUInt32(count()) AS spans FROM otel_traces')
  return row?.spans ?? 0
}

/** In the order of their start, as they came. Merges wait meanwhile, so that none is paid for unseen. */
async function exportRows(client: Client, file: string, first: number, count: number): Promise<void> {
  const query = `
    SELECT * FROM otel_traces ORDER BY Timestamp, SpanId
    LIMIT {first:UInt64}, {count:UInt64} FORMAT Native`
  await client.command({ query: 'SYSTEM STOP MERGES' })
  try {
    const { stream } = await client.exec({ query, query_params: { first, count } })
    await pipeline(stream, createWriteStream(file))
  } finally {
    await client.command({ query: 'SYSTEM START MERGES' })
  }
}

async function importRows(client: Client, file: string, settings: ClickHouseSettings): Promise<void> {
  const clickhouse_settings = { ...settings, async_insert: 0 as const, insert_deduplication_token: randomUUID() }
  const values = createReadStream(file, { highWaterMark: 1 << 20 })
  const { stream } = await client.exec({ query: 'INSERT INTO otel_traces FORMAT Native', values, clickhouse_settings })
  for await (const _ of stream);
}
