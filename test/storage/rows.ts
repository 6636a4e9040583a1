// Rows put straight into the tables, as a Collector's exporter writes them.

import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Database } from '#storage/client.ts'

type Row = Record<string, unknown>

/** A token of its own each time, so that the same rows twice are really there twice. */
export async function insertRows(db: Database, table: string, rows: Row[]): Promise<void> {
  const text = rows.map((row) => JSON.stringify(row)).join('\n')
  await db.send(`INSERT INTO ${table} FORMAT JSONEachRow`, Readable.from([text]), {
    date_time_input_format: 'best_effort',
    insert_deduplication_token: randomUUID(),
  })
}

const time = (ms: number) => new Date(ms).toISOString()

/** The log record that says a cycle has begun. */
export function startRow(traceId: string, startedAt: number, different: Row = {}): Row {
  return {
    Timestamp: time(startedAt),
    TraceId: traceId,
    ServiceName: 'fetcher',
    EventName: 'cycle.started',
    ResourceAttributes: { 'service.name': 'fetcher', 'service.version': '1.4.0', 'host.name': 'a' },
    LogAttributes: { 'cycle.name': 'coins', 'cycle.trigger': 'schedule' },
    ...different,
  }
}

export function rootRow(traceId: string, startedAt: number, durationMs: number, different: Row = {}): Row {
  return {
    Timestamp: time(startedAt),
    TraceId: traceId,
    SpanId: 'aaaaaaaaaaaaaaaa',
    SpanName: 'coins',
    SpanKind: 'Internal',
    ServiceName: 'fetcher',
    ResourceAttributes: { 'service.name': 'fetcher', 'service.version': '1.4.0', 'host.name': 'a' },
    SpanAttributes: { 'cycle.name': 'coins' },
    Duration: durationMs * 1e6,
    ...different,
  }
}

export function stepRow(traceId: string, spanId: string, startedAt: number, durationMs: number): Row {
  return {
    ...rootRow(traceId, startedAt, durationMs),
    SpanId: spanId,
    ParentSpanId: 'aaaaaaaaaaaaaaaa',
    SpanName: 'GET /coins',
    SpanKind: 'Client',
    SpanAttributes: { 'cycle.name': 'coins', 'step.kind': 'fetch', 'server.address': 'api.example' },
  }
}
