// Reading what was logged and measured next to a cycle.

import type { Database } from './client.ts'

/** Where and when to look. Epoch milliseconds, both ends included. Telemetry that contradicts `resource` is another's. */
export type Surroundings = { service: string; resource: Record<string, string>; from: number; to: number }

/** `own` is 1 for a record of the trace, 0 for one without a trace that was near. */
export type LogRow = {
  nano: string
  own: 0 | 1
  severityText: string
  severityNumber: number
  event: string
  body: string
  spanId: string
  service: string
  attributes: Record<string, string>
}

/** Records of the trace, then those near it without a trace, each oldest first. */
export async function readLogs(db: Database, traceId: string, near: Surroundings, limit: number): Promise<LogRow[]> {
  return db.read<LogRow>('cycle_logs', { traceId, ...nearParameters(near), limit })
}

export const VALUE_KINDS = ['gauge', 'sum'] as const
export const DISTRIBUTION_KINDS = ['histogram', 'exponential_histogram', 'summary'] as const

/**
 * One metric with one set of attributes. `during` is 0 when none of its points fell into the time itself, 1 else. `grown` and
 * `counted` are what the value (the sum of a distribution) and the count grew by; null where that cannot be known.
 */
export type MetricRow = {
  kind: (typeof VALUE_KINDS)[number] | (typeof DISTRIBUTION_KINDS)[number]
  name: string
  unit: string
  attributes: Record<string, string>
  during: 0 | 1
  points: number
  lowest: number | null
  mean: number | null
  highest: number | null
  last: number | null
  grown: number | null
  counted: number | null
}

/** By name and attributes. `paddingMs` is how far around its time to look for a series that has no point in it. */
export async function readMetrics(
  db: Database,
  near: Surroundings,
  paddingMs: number,
  limit: number,
): Promise<MetricRow[]> {
  return db.read<MetricRow>('cycle_metrics', { ...nearParameters(near), padding: paddingMs, limit })
}

/** What tells hosts and processes apart: other attributes of a resource may differ between signals of one process. */
const IDENTITY = ['host.name', 'service.instance.id']

function nearParameters({ service, resource, from, to }: Surroundings) {
  const keys = IDENTITY.filter((key) => resource[key])
  return { service, from, to, keys, values: keys.map((key) => resource[key] as string) }
}
