import { beforeEach, expect, test } from 'vitest'
import { readCycle, readRunningCycle } from '#storage/cycles.ts'
import { insertBodies } from '#storage/inserts.ts'
import { useDatabase } from '#test/database.ts'
import { insertRows, rootRow, startRow, stepRow } from '#test/storage/rows.ts'

const { db, select } = useDatabase()

const START_MS = Date.UTC(2026, 10, 1, 8)
const NOW = START_MS + 12_000
const TRACE = 'a'.repeat(32)
const OTHER = 'b'.repeat(32)

beforeEach(async () => {
  for (const table of ['otel_logs', 'cycle_starts', 'otel_traces', 'root_spans', 'child_spans']) {
    await db.run(`TRUNCATE TABLE ${table}`)
  }
})

// Each letter is an insert of its own.
const ARRIVALS: Record<string, () => Promise<void>> = {
  S: () => insertRows(db, 'otel_logs', [startRow(TRACE, START_MS)]),
  /** The same start, said a second later. */
  s: () => insertRows(db, 'otel_logs', [startRow(TRACE, START_MS + 1_000)]),
  /** As an attribute, as senders write it whose SDK has no names of events. */
  A: () =>
    insertRows(db, 'otel_logs', [
      startRow(TRACE, START_MS, {
        EventName: '',
        LogAttributes: { 'event.name': 'cycle.started', 'cycle.name': 'coins', 'cycle.trigger': 'schedule' },
      }),
    ]),
  P: () => insertRows(db, 'otel_logs', [startRow(TRACE, START_MS, { EventName: 'cycle.progress' })]),
  R: () => insertRows(db, 'otel_traces', [rootRow(TRACE, START_MS, 11_000)]),
  /** A root that says nothing of a cycle. */
  F: () => insertRows(db, 'otel_traces', [rootRow(TRACE, START_MS, 11_000, { SpanAttributes: {} })]),
  O: () => insertRows(db, 'otel_traces', [rootRow(OTHER, START_MS, 11_000)]),
  c: () => insertRows(db, 'otel_traces', [stepRow(TRACE, 'cccccccccccccccc', START_MS, 10)]),
}

const RUNNING = {
  cycle: 'coins',
  traceId: TRACE,
  startedAt: START_MS,
  endedAt: null,
  durationMs: 12_000,
  bucket: null,
  outcome: 'running',
  service: 'fetcher',
  version: '1.4.0',
  message: '',
  attributes: { 'cycle.name': 'coins', 'cycle.trigger': 'schedule' },
}

const cases = [
  { when: 'only its start has arrived', arrivals: 'S', runs: true },
  { when: 'its start is told by an attribute', arrivals: 'A', runs: true },
  { when: 'its start comes twice', arrivals: 'SS', runs: true },
  { when: 'a second start comes later', arrivals: 'Ss', runs: true },
  { when: 'a second start came before', arrivals: 'sS', runs: true },
  { when: 'steps of it have arrived', arrivals: 'cSc', runs: true },
  { when: 'the root of another trace arrives', arrivals: 'SO', runs: true },
  { when: 'the start comes first', arrivals: 'SR', runs: false },
  { when: 'the root comes first', arrivals: 'RS', runs: false },
  { when: 'the start comes again after the root', arrivals: 'SRS', runs: false },
  { when: 'the root comes twice', arrivals: 'RSR', runs: false },
  { when: 'its root has no name of a cycle', arrivals: 'SF', runs: false },
  { when: 'only its progress is told', arrivals: 'P', runs: false },
  { when: 'only its root has arrived', arrivals: 'R', runs: false },
]
test.each(cases)('a cycle runs: $runs, when $when', async ({ arrivals, runs }) => {
  for (const letter of arrivals) await ARRIVALS[letter]?.()
  const found = await readRunningCycle(db, TRACE, NOW)
  const listed = await select<{ TraceId: string }>(`SELECT TraceId FROM running_cycles(since = ${START_MS - 1_000})`)
  expect(found).toEqual(runs ? { ...RUNNING, resource: expect.objectContaining({ 'host.name': 'a' }) } : null)
  expect(listed).toEqual(runs ? [{ TraceId: TRACE }] : [])
})

test('a cycle whose root has arrived is a finished one, whatever said that it began', async () => {
  for (const letter of 'SR') await ARRIVALS[letter]?.()
  expect(await readCycle(db, TRACE)).toMatchObject({ outcome: 'ok', durationMs: 11_000 })
})

const nonsense = [
  { what: 'no trace', row: startRow('', START_MS) },
  { what: 'a trace id of zeros', row: startRow('0'.repeat(32), START_MS) },
  { what: 'text for a trace id', row: startRow("' OR 1 = 1 --", START_MS) },
  { what: 'no name of a cycle', row: startRow(TRACE, START_MS, { LogAttributes: {} }) },
]
test.each(nonsense)('a record of a start with $what is a log record and no more', async ({ row }) => {
  await insertRows(db, 'otel_logs', [row])
  expect(await select('SELECT count() AS n FROM otel_logs')).toEqual([{ n: 1 }])
  expect(await select('SELECT * FROM cycle_starts')).toEqual([])
})

test('a start by a clock that is ahead has run for no time at all', async () => {
  await insertRows(db, 'otel_logs', [startRow(TRACE, NOW + 60_000)])
  expect(await readRunningCycle(db, TRACE, NOW)).toMatchObject({ durationMs: 0 })
})

test('starts of any time there is are stored', async () => {
  await insertRows(db, 'otel_logs', [startRow(TRACE, 0), startRow(OTHER, Date.UTC(2261, 11, 31))])
  expect(await select('SELECT toYear(Timestamp) AS year FROM cycle_starts ORDER BY year')).toEqual([
    { year: 1970 },
    { year: 2261 },
  ])
})

test('a start sent as OTLP is there once, however often the same request is stored', async () => {
  const text = (key: string, value: string) => ({ key, value: { stringValue: value } })
  const record = {
    timeUnixNano: String(BigInt(START_MS) * 1_000_000n),
    traceId: TRACE.toUpperCase(),
    eventName: 'cycle.started',
    attributes: [text('cycle.name', 'coins'), text('cycle.trigger', 'schedule')],
  }
  const resource = { attributes: [text('service.name', 'fetcher'), text('service.version', '1.4.0')] }
  const body = Buffer.from(JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords: [record] }] }] }))
  for (const token of ['once', 'once', 'again']) {
    await insertBodies(db, { signal: 'logs', encoding: 'json', token }, [body])
  }
  expect(await readRunningCycle(db, TRACE, NOW)).toMatchObject(RUNNING)
  expect(await select('SELECT count() AS n FROM cycle_starts FINAL')).toEqual([{ n: 1 }])
})
