// What was logged and measured next to a cycle: by its trace id, and by time, service, host and process.

import type { Database } from '#storage/client.ts'
import type { WithResource } from '#storage/cycles.ts'
import { type MetricRow, readLogs, readMetrics, type Surroundings } from '#storage/telemetry.ts'
import { type AnyCycle, cycleAlone } from './history.ts'

/** `atMs` counts from the start of the cycle. Of one service, host and time, but of no trace, is what is related by `time`. */
export type LogRecord = {
  time: number
  atMs: number
  related: 'trace' | 'time'
  severity: string
  event: string
  body: string
  spanId: string
  service: string
  attributes: Record<string, string>
}

/** `truncated` when there was more than the limit. */
export type Beside<Item> = { items: Item[]; truncated: boolean }

/**
 * Log records next to a cycle, oldest first. When they are too many, those of its trace are kept before the others, and the
 * earlier before the later. Throws BadInput (`not_found`) when there is no such cycle.
 */
export async function logsBeside(
  db: Database,
  traceId: string,
  limit: number,
  now: number,
): Promise<Beside<LogRecord>> {
  const cycle = await cycleAlone(db, traceId, now)
  const rows = await readLogs(db, traceId, surroundingsOf(cycle, now), limit + 1)
  const start = BigInt(cycle.startedAt) * 1_000_000n
  const items = rows.slice(0, limit).map(({ nano, own, severityText, severityNumber, ...rest }): LogRecord => {
    const sinceStart = Number(BigInt(nano) - start) / 1e6
    return {
      ...rest,
      time: Math.floor(cycle.startedAt + sinceStart),
      atMs: sinceStart,
      related: own ? 'trace' : 'time',
      severity: severityText || severityName(severityNumber),
    }
  })
  return { items: items.sort((a, b) => a.atMs - b.atMs), truncated: rows.length > limit }
}

const SEVERITIES = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL']

/** OpenTelemetry has four numbers for each name, from 1 on; '' for none. */
function severityName(number: number): string {
  return SEVERITIES[Math.floor((number - 1) / 4)] ?? ''
}

/** OpenTelemetry SDKs export metrics once a minute, unless told otherwise. */
const EXPORT_INTERVAL_MS = 60_000

/**
 * Metrics next to a cycle, by name. A series none of whose points fell into its time has those of the minute before and
 * after. Throws BadInput (`not_found`) when there is no such cycle.
 */
export async function metricsBeside(
  db: Database,
  traceId: string,
  limit: number,
  now: number,
): Promise<Beside<MetricRow>> {
  const cycle = await cycleAlone(db, traceId, now)
  const rows = await readMetrics(db, surroundingsOf(cycle, now), EXPORT_INTERVAL_MS, limit + 1)
  return { items: rows.slice(0, limit), truncated: rows.length > limit }
}

function surroundingsOf({ service, resource, startedAt, endedAt }: AnyCycle & WithResource, now: number): Surroundings {
  return { service, resource, from: startedAt, to: endedAt ?? Math.max(startedAt, now) }
}
