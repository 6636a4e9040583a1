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
 * `database` has the spans, which are cut into `inserts` of the same size; some of them are measured, and `folder` has
 * room for their files. `settings` are those that ingest inserts with.
 */
export type LimitOrder = {
  database: string
  inserts: number
  folder: string
  settings?: ClickHouseSettings
}

const MERGES_MS = 120_000
const REQUEST_MS = 120_000

/**
 * Processor seconds of the engine per million spans, its merges included; null on a system without /proc. What it takes
 * to read the rows out is not counted. Merges of other databases would be, so wait for them first: `mergesSettled`.
 */
export async function measureLimit({ server, pid }: Measured, order: LimitOrder): Promise<number | null> {
  const { database, inserts, folder, settings = {} } = order
  const copy = `limit_${randomUUID().replaceAll('-', '')}`
  await migrate(server, copy)
  await using from = connect(server, database)
  await using into = connect(server, copy)
  const files: string[] = []
  try {
    const cuts = await cutsOf(from, inserts)
    for (const [n, start] of cuts.slice(0, MOST_INSERTS).entries()) {
      const file = join(folder, `${copy}.${n}.native`)
      files.push(file)
      await exportRows(from, file, start, cuts[n + 1] ?? END_OF_TIME)
    }
    const before = processorTimeOf(pid)
    for (const file of files) await importRows(into, file, settings)
    await mergesSettled(server)
    const after = processorTimeOf(pid)
    return before === null || after === null ? null : ((after - before) * 1e6) / (await countOf(into))
  } finally {
    await from.command({ query: 'DROP DATABASE IF EXISTS {copy:Identifier}', query_params: { copy } })
    for (const file of files) await rm(file, { force: true })
  }
}

/** Of rows that take a kilobyte each as Native; more of them would be merged no more often. */
const MOST_INSERTS = 40

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

const END_OF_TIME = '9223372036854775807'

/** Nanoseconds at which the inserts begin, so that each has as many spans, in the order of their start, as they came. */
async function cutsOf(client: Client, inserts: number): Promise<string[]> {
  const query = `
    SELECT toString(toUnixTimestamp64Nano(Timestamp)) AS start
    FROM (SELECT Timestamp, row_number() OVER (ORDER BY Timestamp) - 1 AS n FROM otel_traces)
    WHERE n % intDiv((SELECT count() FROM otel_traces) + {inserts:UInt32} - 1, {inserts:UInt32}) = 0
    ORDER BY n`
  const answer = await client.query({ query, query_params: { inserts }, format: 'JSONEachRow' })
  return (await answer.json<{ start: string }>()).map(({ start }) => start)
}

async function exportRows(client: Client, file: string, from: string, to: string): Promise<void> {
  const query = `
    SELECT * FROM otel_traces
    WHERE toUnixTimestamp64Nano(Timestamp) >= {from:Int64} AND toUnixTimestamp64Nano(Timestamp) < {to:Int64}
    FORMAT Native`
  const { stream } = await client.exec({ query, query_params: { from, to } })
  await pipeline(stream, createWriteStream(file))
}

async function importRows(client: Client, file: string, settings: ClickHouseSettings): Promise<void> {
  const clickhouse_settings = { ...settings, async_insert: 0 as const, insert_deduplication_token: randomUUID() }
  const values = createReadStream(file, { highWaterMark: 1 << 20 })
  const { stream } = await client.exec({ query: 'INSERT INTO otel_traces FORMAT Native', values, clickhouse_settings })
  for await (const _ of stream);
}
