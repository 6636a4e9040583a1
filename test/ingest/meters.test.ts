import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import type { IngestEvent } from '#ingest/events.ts'
import { meterIngest, meterSpool } from '#ingest/meters.ts'

/** The samples as Prometheus reads them, without those that are zero. */
async function samples(registry: Registry): Promise<string[]> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return lines.filter((line) => !line.endsWith(' 0')).map((line) => line.replace('cyclewatch_', ''))
}

/** What is measured after these events. */
async function after(...events: IngestEvent[]): Promise<string[]> {
  const registry = new Registry()
  const tell = meterIngest(registry)
  for (const event of events) tell(event)
  return samples(registry)
}

const answered = {
  kind: 'answered',
  signal: 'traces',
  status: 200,
  bytes: 100,
  items: 5,
  rejected: 0,
  repeated: false,
} as const

test('has every name with every signal from the start, so that an alert on it is not silent', async () => {
  const registry = new Registry()
  meterIngest(registry)
  const text = await registry.metrics()
  const counters = [
    'bytes',
    'items',
    'rejected_items',
    'repeated_requests',
    'inserted_items',
    'inserted_bytes',
    'insert_retries',
    'quarantined',
    'lost_segments',
  ]
  for (const signal of ['traces', 'metrics', 'logs']) {
    for (const name of counters) expect(text).toContain(`cyclewatch_ingest_${name}_total{signal="${signal}"} 0\n`)
    expect(text).toContain(`cyclewatch_ingest_insert_seconds_count{signal="${signal}"} 0\n`)
  }
  const helped = [...text.matchAll(/^# HELP (\S+) \S/gm)].map(([, name]) => name)
  expect(helped).toHaveLength(counters.length + 2)
})

test('counts what was accepted, and what of it no table takes', async () => {
  expect(await after(answered, { ...answered, rejected: 2 }, { ...answered, signal: 'logs', items: 1 })).toEqual([
    'ingest_requests_total{signal="traces",status="200"} 2',
    'ingest_requests_total{signal="logs",status="200"} 1',
    'ingest_bytes_total{signal="traces"} 200',
    'ingest_bytes_total{signal="logs"} 100',
    'ingest_items_total{signal="traces"} 10',
    'ingest_items_total{signal="logs"} 1',
    'ingest_rejected_items_total{signal="traces"} 2',
  ])
})

test('counts a repeated body as that only', async () => {
  expect(await after({ ...answered, repeated: true })).toEqual([
    'ingest_requests_total{signal="traces",status="200"} 1',
    'ingest_repeated_requests_total{signal="traces"} 1',
  ])
})

test.each([400, 401, 403, 413, 415, 429, 500, 503])(
  'counts nothing of a body answered %i but the request',
  async (status) => {
    expect(await after({ ...answered, status })).toEqual([
      `ingest_requests_total{signal="traces",status="${status}"} 1`,
    ])
  },
)

test('measures inserts in seconds', async () => {
  const inserted = { kind: 'inserted', signal: 'metrics', bytes: 1_000, items: 50 } as const
  expect(await after({ ...inserted, ms: 400 }, { ...inserted, ms: 45_000 })).toEqual([
    'ingest_inserted_items_total{signal="metrics"} 100',
    'ingest_inserted_bytes_total{signal="metrics"} 2000',
    'ingest_insert_seconds_bucket{le="0.5",signal="metrics"} 1',
    'ingest_insert_seconds_bucket{le="1",signal="metrics"} 1',
    'ingest_insert_seconds_bucket{le="2.5",signal="metrics"} 1',
    'ingest_insert_seconds_bucket{le="5",signal="metrics"} 1',
    'ingest_insert_seconds_bucket{le="10",signal="metrics"} 1',
    'ingest_insert_seconds_bucket{le="30",signal="metrics"} 1',
    'ingest_insert_seconds_bucket{le="60",signal="metrics"} 2',
    'ingest_insert_seconds_bucket{le="+Inf",signal="metrics"} 2',
    'ingest_insert_seconds_sum{signal="metrics"} 45.4',
    'ingest_insert_seconds_count{signal="metrics"} 2',
  ])
})

test('counts retries, quarantined bodies and lost segments, and shows nothing of what strangers wrote', async () => {
  const reason = 'Cannot parse \u001b[31m"x"\n# HELP'
  expect(
    await after(
      { kind: 'retrying', signal: 'logs', reason },
      { kind: 'retrying', signal: 'logs', reason: `${reason} again` },
      { kind: 'quarantined', signal: 'traces', bytes: 9, reason },
      { kind: 'lost', signal: 'metrics', bytes: 9 },
    ),
  ).toEqual([
    'ingest_insert_retries_total{signal="logs"} 2',
    'ingest_quarantined_total{signal="traces"} 1',
    'ingest_lost_segments_total{signal="metrics"} 1',
  ])
})

test('shows what the spool holds at the moment it is asked', async () => {
  const registry = new Registry()
  const nothing = { segments: 0, bytes: 0, since: null }
  let now = 1_000_000
  let traces: { segments: number; bytes: number; since: number | null } = nothing
  const read = () => ({ limitBytes: 1e9, quarantinedBytes: 77, waiting: { traces, metrics: nothing, logs: nothing } })
  meterSpool(registry, read, () => now)
  const fixed = ['spool_limit_bytes 1000000000', 'spool_quarantine_bytes 77']
  expect(await samples(registry)).toEqual(fixed)
  expect(await registry.metrics()).toContain('cyclewatch_spool_oldest_seconds{signal="logs"} 0\n')

  traces = { segments: 2, bytes: 5_000, since: now }
  now += 1_500
  expect(await samples(registry)).toEqual([
    'spool_bytes{signal="traces"} 5000',
    'spool_segments{signal="traces"} 2',
    'spool_oldest_seconds{signal="traces"} 1.5',
    ...fixed,
  ])
  // A clock that was set back.
  now -= 60_000
  expect(await registry.metrics()).toContain('cyclewatch_spool_oldest_seconds{signal="traces"} 0\n')
})
