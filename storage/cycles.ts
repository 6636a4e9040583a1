// Reading cycles: their statistics over windows, their history, those that still run, and the spans of one.

import type { Bucket } from '#model/buckets.ts'
import type { Outcome } from '#model/cycles.ts'
import type { Window } from '#model/windows.ts'
import type { Database } from './client.ts'

/** Attributes of the root span or its resource that must have these values; all of them. */
export type Filter = Record<string, string>

/** `name` null means every cycle, each for itself. `by` splits further by an attribute of the root or its resource. */
export type StatsQuery = {
  name: string | null
  by: string | null
  where: Filter
  to: number
  lengthMs: number
  stepMs: number
  windows: number
  /** At most this many rows. */
  limit: number
}

/** Milliseconds; `window` counts from 0, the oldest. `buckets` and `outcomes` are counts in the order of the model. */
export type StatsRow = {
  cycle: string
  group: string
  window: number
  total: number
  quantiles: [p50: number, p95: number, p99: number]
  lowest: number
  highest: number
  mean: number
  buckets: number[]
  outcomes: number[]
}

/** One row per cycle name, group and window that has any cycle. */
export async function readStats(db: Database, query: StatsQuery): Promise<StatsRow[]> {
  return db.read<StatsRow>('stats', {
    name: query.name ?? '',
    by: query.by ?? '',
    ...filterParameters(query.where),
    to: query.to,
    length: query.lengthMs,
    step: query.stepMs,
    windows: query.windows,
    limit: query.limit,
  })
}

export const SORTS = ['newest', 'oldest', 'slowest', 'fastest'] as const
export type Sort = (typeof SORTS)[number]

/** Empty lists and null do not restrict. */
export type HistoryQuery = {
  name: string | null
  range: Window
  buckets: readonly Bucket[]
  outcomes: readonly Outcome[]
  where: Filter
  slowerThanMs: number | null
  sort: Sort
  limit: number
  after: Place | null
}

/** Where a row stands in its sort order, so that the next page starts behind it whatever has arrived since. */
export type Place = { place: string; traceId: string }

/** A finished cycle. Times are epoch milliseconds; `attributes` are those of its root span. */
export type CycleRow = {
  cycle: string
  traceId: string
  startedAt: number
  endedAt: number
  durationMs: number
  bucket: Bucket
  outcome: Outcome
  service: string
  version: string
  message: string
  attributes: Record<string, string>
}

/**
 * A cycle that has begun and whose root span has not arrived. `durationMs` is how long it has run; `attributes` are those
 * of the record that told of its start.
 */
export type RunningRow = Omit<CycleRow, 'endedAt' | 'bucket' | 'outcome'> & {
  endedAt: null
  bucket: null
  outcome: 'running'
}

/** Attributes of the resource that sent it, such as `host.name`. */
export type WithResource = { resource: Record<string, string> }

/** Finished cycles that ended in the range. */
export async function readHistory(db: Database, query: HistoryQuery): Promise<(CycleRow & Place)[]> {
  return db.read<CycleRow & Place>('cycles', {
    name: query.name ?? '',
    from: query.range.from,
    to: query.range.to,
    buckets: query.buckets,
    outcomes: query.outcomes,
    ...filterParameters(query.where),
    slowerThan: query.slowerThanMs ?? -1,
    sort: query.sort,
    limit: query.limit,
    ...afterParameters(query.after),
  })
}

/**
 * A running cycle is in no bucket and has no outcome, and how long it has run says when it began, which is the range's
 * business. `now` is epoch milliseconds.
 */
export type RunningQuery = Omit<HistoryQuery, 'buckets' | 'outcomes' | 'slowerThanMs'> & { now: number }

/** Running cycles that began in the range. */
export async function readRunning(db: Database, query: RunningQuery): Promise<(RunningRow & Place)[]> {
  return db.read<RunningRow & Place>('running', {
    name: query.name ?? '',
    from: query.range.from,
    to: query.range.to,
    ...filterParameters(query.where),
    sort: query.sort,
    limit: query.limit,
    ...afterParameters(query.after),
    now: query.now,
  })
}

/** The cycle whose root has this trace id, or null while it has not arrived or is no cycle. */
export async function readCycle(db: Database, traceId: string): Promise<(CycleRow & WithResource) | null> {
  const [row] = await db.read<CycleRow & WithResource>('cycle', { traceId })
  return row ?? null
}

/** The running cycle of this trace id, however long ago it began, or null when none has or its root has arrived. */
export async function readRunningCycle(
  db: Database,
  traceId: string,
  now: number,
): Promise<(RunningRow & WithResource) | null> {
  const [row] = await db.read<RunningRow & WithResource>('running_cycle', { traceId, now })
  return row ?? null
}

/** A span as it is drawn. Nanoseconds since the epoch are decimal text, since a double cannot hold them. */
export type SpanRow = {
  spanId: string
  parentSpanId: string
  name: string
  kind: string
  service: string
  startNano: string
  durationMs: number
  status: string
  message: string
  attributes: Record<string, string>
  eventNames: string[]
  eventNanos: string[]
  eventAttributes: Record<string, string>[]
}

/** The spans of a trace, oldest first, at most `limit`. */
export async function readSpans(db: Database, traceId: string, limit: number): Promise<SpanRow[]> {
  return db.read<SpanRow>('trace_spans', { traceId, limit })
}

export async function readCycleNames(db: Database): Promise<string[]> {
  const rows = await db.read<{ name: string }>('cycle_names')
  return rows.map(({ name }) => name)
}

function filterParameters(where: Filter): { keys: string[]; values: string[] } {
  return { keys: Object.keys(where), values: Object.values(where) }
}

function afterParameters(after: Place | null): { afterPlace: string; afterTrace: string } {
  return { afterPlace: after?.place ?? '0', afterTrace: after?.traceId ?? '' }
}
