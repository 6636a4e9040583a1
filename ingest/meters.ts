// What ingest does, as Prometheus metrics. Names and units follow Prometheus' conventions; labels are few and bounded.

import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { SpoolState } from '#ingest/spool/spool.ts'
import { SIGNALS } from '#storage/signals.ts'
import type { IngestEvent, Tell } from './events.ts'

/** Seconds; an insert is expected to take some tenths. */
const INSERT_BOUNDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

const COUNTERS = {
  requests: ['requests_total', 'Requests answered, by HTTP status.', 'status'],
  bytes: ['bytes_total', 'Bytes of accepted bodies, decompressed; repeated ones apart.'],
  items: ['items_total', 'Spans, data points and log records in accepted bodies.'],
  rejected: ['rejected_items_total', 'Items of accepted bodies that no table can take.'],
  repeated: ['repeated_requests_total', 'Requests whose body had been accepted before.'],
  inserted: ['inserted_items_total', 'Items of segments that ClickHouse has stored.'],
  insertedBytes: ['inserted_bytes_total', 'Bytes of segments that ClickHouse has stored.'],
  retries: ['insert_retries_total', 'Attempts to store a segment that failed and are made again.'],
  quarantined: ['quarantined_total', 'Bodies that ClickHouse refuses, and damaged ones, put aside.'],
  lost: ['lost_segments_total', 'Segments that somebody removed before they were stored.'],
} as const

type Counters = Record<keyof typeof COUNTERS, Counter>

/** Registers the metrics and returns what counts events into them. */
export function meterIngest(registry: Registry): Tell {
  const registers = [registry]
  const counters = Object.fromEntries(
    Object.entries(COUNTERS).map(([key, [name, help, ...labels]]) => [
      key,
      new Counter({ name: `cyclewatch_ingest_${name}`, help, labelNames: ['signal', ...labels], registers }),
    ]),
  ) as Counters
  const inserts = new Histogram({
    name: 'cyclewatch_ingest_insert_seconds',
    help: 'How long ClickHouse took to store a segment.',
    labelNames: ['signal'],
    buckets: INSERT_BOUNDS,
    registers,
  })
  const { requests: _, ...plain } = counters
  // A counter that is missing until something happens makes alerts on it silent.
  for (const signal of SIGNALS) {
    for (const counter of Object.values(plain)) counter.inc({ signal }, 0)
    inserts.zero({ signal })
  }
  return (event) => count(event, counters, inserts)
}

function count(event: IngestEvent, counters: Counters, inserts: Histogram): void {
  const { kind, signal } = event
  if (kind === 'answered') countAnswer(event, counters)
  else if (kind === 'inserted') {
    inserts.observe({ signal }, event.ms / 1_000)
    counters.inserted.inc({ signal }, event.items)
    counters.insertedBytes.inc({ signal }, event.bytes)
  } else if (kind === 'retrying') counters.retries.inc({ signal })
  else counters[kind].inc({ signal })
}

function countAnswer(event: Extract<IngestEvent, { kind: 'answered' }>, counters: Counters): void {
  const { signal, status } = event
  counters.requests.inc({ signal, status })
  if (status !== 200) return
  if (event.repeated) {
    counters.repeated.inc({ signal })
    return
  }
  counters.bytes.inc({ signal }, event.bytes)
  counters.items.inc({ signal }, event.items)
  counters.rejected.inc({ signal }, event.rejected)
}

/** Registers what the spool holds, asked for whenever the metrics are read; `now` is epoch milliseconds. */
export function meterSpool(registry: Registry, read: () => SpoolState, now: () => number): void {
  const registers = [registry]
  const gauge = (name: string, help: string, labelNames: string[], collect: (self: Gauge) => void) =>
    new Gauge({
      name: `cyclewatch_spool_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        collect(this as Gauge)
      },
    })
  gauge('bytes', 'Bytes accepted and not stored yet.', ['signal'], (self) => {
    for (const signal of SIGNALS) self.set({ signal }, read().waiting[signal].bytes)
  })
  gauge('segments', 'Files accepted and not stored yet.', ['signal'], (self) => {
    for (const signal of SIGNALS) self.set({ signal }, read().waiting[signal].segments)
  })
  gauge('oldest_seconds', 'Age of the oldest of them; 0 when there is none.', ['signal'], (self) => {
    for (const signal of SIGNALS) {
      const { since } = read().waiting[signal]
      self.set({ signal }, since === null ? 0 : Math.max(0, now() - since) / 1_000)
    }
  })
  gauge('limit_bytes', 'What the spool may hold (ingest.spoolBytes), quarantine included.', [], (self) =>
    self.set(read().limitBytes),
  )
  gauge('quarantine_bytes', 'Bytes in quarantine.', [], (self) => self.set(read().quarantinedBytes))
}

/** Registers what bodies occupy until they are answered. */
export function meterMemory(registry: Registry, heldBytes: () => number): void {
  new Gauge({
    name: 'cyclewatch_ingest_memory_bytes',
    help: 'Memory of bodies that are not answered yet; it is bounded, and 503 answers what goes beyond.',
    registers: [registry],
    collect() {
      this.set(heldBytes())
    },
  })
}

/** Registers connections that were refused, and returns what counts one. */
export function meterConnections(registry: Registry): () => void {
  const dropped = new Counter({
    name: 'cyclewatch_ingest_connections_refused_total',
    help: 'Connections closed because there were too many (ingest.connections).',
    registers: [registry],
  })
  return () => dropped.inc()
}
