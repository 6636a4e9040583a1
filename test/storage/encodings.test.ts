import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { check } from '#ingest/check/check.ts'
import { insertBodies } from '#storage/inserts.ts'
import { useDatabase } from '#test/database.ts'
import { START } from '#test/ingest/otlp.ts'
import { logRequests, logs, logsJson } from '#test/ingest/otlp-logs.ts'
import { metrics } from '#test/ingest/otlp-metrics.ts'
import { metricsJson } from '#test/ingest/otlp-metrics-json.ts'
import { metricRequests } from '#test/ingest/otlp-metrics-requests.ts'

const { db, select } = useDatabase()

const METRIC_TABLES = ['gauge', 'sum', 'histogram', 'exponential_histogram', 'summary']
const SAMPLES = { numRuns: 150, seed: 3 }

const CASES = [
  {
    signal: 'logs',
    bodies: fc.sample(logRequests, SAMPLES).map((sent) => {
      const now = atOneDay(sent)
      return { protobuf: logs(now), json: logsJson(now) }
    }),
    tables: ['otel_logs'],
  },
  {
    signal: 'metrics',
    bodies: fc.sample(metricRequests, SAMPLES).map((sent) => {
      const now = atOneDay(sent)
      return { protobuf: metrics(now), json: metricsJson(now) }
    }),
    tables: METRIC_TABLES.map((kind) => `otel_metrics_${kind}`),
  },
] as const

/** The same with all its times on one day: an insert must not touch too many. */
function atOneDay<Part>(part: Part): Part {
  if (Array.isArray(part)) return part.map(atOneDay) as Part
  if (typeof part !== 'object' || part === null || Buffer.isBuffer(part)) return part
  const entries = Object.entries(part).map(([key, value]) =>
    key.endsWith('Nano') ? [key, START + (BigInt(value) % 3_600_000_000_000n)] : [key, atOneDay(value)],
  )
  return Object.fromEntries(entries) as Part
}

async function rowsOf(tables: readonly string[]): Promise<string[]> {
  const found = tables.map(async (table) => {
    const settings = 'output_format_json_quote_64bit_integers = 1, output_format_json_quote_denormals = 1'
    const rows = await select(`SELECT * FROM ${table} SETTINGS ${settings}`)
    return rows.map((row) => `${table} ${JSON.stringify(row)}`)
  })
  return (await Promise.all(found)).flat().sort()
}

test.each(CASES)('any $signal become the same rows in either encoding', async ({ signal, bodies, tables }) => {
  const insert = async (encoding: 'protobuf' | 'json') => {
    for (const table of tables) await db.run(`TRUNCATE TABLE ${table}`)
    const checked = bodies.map((body) => check(signal, encoding, body[encoding]))
    await insertBodies(
      db,
      { signal, encoding, token: randomUUID() },
      checked.map(({ body }) => body),
    )
    const rows = await rowsOf(tables)
    expect(rows).toHaveLength(checked.reduce((sum, { items, rejected }) => sum + items - rejected, 0))
    return rows
  }
  const rows = await insert('protobuf')
  expect(rows.length).toBeGreaterThan(50)
  expect(await insert('json')).toEqual(rows)
})
