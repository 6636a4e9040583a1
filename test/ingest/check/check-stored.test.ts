// What a checker says of a body, against what ClickHouse then has.

import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { check } from '#ingest/check/check.ts'
import { insertBodies } from '#storage/inserts.ts'
import type { Encoding } from '#storage/signals.ts'
import { useDatabase } from '#test/database.ts'
import { type Attributes, attributes } from '#test/ingest/otlp.ts'
import { logs, logsJson, type SentLogs } from '#test/ingest/otlp-logs.ts'

const { db, select } = useDatabase()
const WRITE = { protobuf: logs, json: logsJson }

type Row = { service: string; resource: Record<string, string>; body: string; attributes: Record<string, string> }

/** The rows of otel_logs for bodies of one record each, in the order they were sent, and the services that were found. */
async function store(encoding: Encoding, sent: SentLogs[]): Promise<{ rows: Row[]; services: string[] }> {
  await db.run('TRUNCATE TABLE otel_logs')
  const found = sent.map((one) => check('logs', encoding, WRITE[encoding]([one])))
  const bodies = found.map(({ body }) => body)
  await insertBodies(db, { signal: 'logs', encoding, token: randomUUID() }, bodies)
  const rows = await select<Row>(
    'SELECT ServiceName AS service, ResourceAttributes AS resource, Body AS body, LogAttributes AS attributes FROM otel_logs ORDER BY toUInt32(EventName)',
  )
  return { rows, services: found.flatMap(({ services }) => services) }
}

/** Resources with a service name of any kind, somewhere among other attributes. */
const resources = fc.tuple(attributes, attributes, attributes).map(([before, named, after]): Attributes => {
  const name = Object.values(named)[0]
  return { ...before, ...(name === undefined ? {} : { 'service.name': name }), ...after }
})

test('stores any attributes alike in both encodings, under the services that were found', async () => {
  const sent = fc.sample(fc.record({ resource: resources, of: attributes }), { numRuns: 150, seed: 3 })
  const requests = sent.map(({ resource, of }, index) => ({
    resource,
    logs: [{ timeNano: 1_700_000_000_000_000_000n, eventName: String(index), body: of, attributes: of }],
  }))
  const protobuf = await store('protobuf', requests)
  const json = await store('json', requests)
  expect(protobuf.rows).toHaveLength(sent.length)
  expect(json.rows).toEqual(protobuf.rows)
  expect(protobuf.rows.map(({ service }) => service)).toEqual(protobuf.services)
  expect(json.services).toEqual(protobuf.services)
  expect(new Set(protobuf.services).size).toBeGreaterThan(50)
})

test('stores lists and maps as JSON', async () => {
  const tree = { list: ['a', 1n], map: { z: [true], a: 0.5 } }
  for (const encoding of ['protobuf', 'json'] as const) {
    const { rows } = await store(encoding, [
      { resource: tree, logs: [{ body: tree, attributes: tree, eventName: '0' }] },
    ])
    const texts = { list: '["a",1]', map: '{"a":0.5,"z":[true]}' }
    const body = '{"list":["a",1],"map":{"a":0.5,"z":[true]}}'
    expect(rows).toEqual([{ service: '', resource: texts, body, attributes: texts }])
  }
})
