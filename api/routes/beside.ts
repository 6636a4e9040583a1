// GET /api/cycles/:traceId/logs and /metrics: what was logged and measured next to one cycle.

import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { type LogRecord, logsBeside, metricsBeside } from '#analysis/beside.ts'
import { LOGS_EXAMPLE, METRICS_EXAMPLE } from '#api/examples-beside.ts'
import type { ApiOptions } from '#api/options.ts'
import { parameters, traceId, wholeNumber } from '#api/parameters.ts'
import { unknown, wrong } from '#api/refusals.ts'
import { type LogsAnswer, logsAnswer, type MetricsAnswer, metricsAnswer } from '#api/schemas.ts'
import type { MetricRow } from '#storage/telemetry.ts'

const MAX_LIMIT = 10_000
const DEFAULT_LIMIT = 1_000

const request = {
  params: z.object({ traceId }),
  query: parameters({ limit: wholeNumber(MAX_LIMIT).optional() }),
}

const logsRoute = createRoute({
  method: 'get',
  path: '/api/cycles/{traceId}/logs',
  summary: 'Log records next to one cycle, oldest first',
  description:
    'Those with its trace id, and those without any that its service wrote in its time, unless of another host or process. ' +
    'When there are too many, those of the trace are kept, and the earlier before the later.',
  request,
  responses: {
    200: {
      description: 'The records',
      content: { 'application/json': { schema: logsAnswer, example: LOGS_EXAMPLE } },
    },
    400: wrong,
    404: unknown,
  },
})

const metricsRoute = createRoute({
  method: 'get',
  path: '/api/cycles/{traceId}/metrics',
  summary: 'Metrics next to one cycle, by name',
  description:
    'One item per metric and set of attributes, of what its service measured in its time, unless of another host or process. ' +
    'A series without a data point in that time has those of the minute before and after, and says so.',
  request,
  responses: {
    200: {
      description: 'The metrics',
      content: { 'application/json': { schema: metricsAnswer, example: METRICS_EXAMPLE } },
    },
    400: wrong,
    404: unknown,
  },
})

export function registerBeside(app: OpenAPIHono, { db, now }: ApiOptions): void {
  app.openapi(logsRoute, async (context) => {
    const { limit = DEFAULT_LIMIT } = context.req.valid('query')
    const { items, truncated } = await logsBeside(db, context.req.valid('param').traceId, limit, now())
    return context.json({ items: items.map(toLog), cursor: null, truncated }, 200)
  })
  app.openapi(metricsRoute, async (context) => {
    const { limit = DEFAULT_LIMIT } = context.req.valid('query')
    const { items, truncated } = await metricsBeside(db, context.req.valid('param').traceId, limit, now())
    return context.json({ items: items.map(toMetric), cursor: null, truncated }, 200)
  })
}

function toLog({ time, ...record }: LogRecord): LogsAnswer['items'][number] {
  return { time: new Date(time).toISOString(), ...record }
}

function toMetric(row: MetricRow): MetricsAnswer['items'][number] {
  const { name, unit, attributes, points } = row
  const series = { name, unit, attributes, points, during: row.during === 1 }
  if (row.kind !== 'gauge' && row.kind !== 'sum')
    return { kind: row.kind, ...series, count: row.counted, sum: row.grown }
  const { lowest: min, mean, highest: max, last, grown: increase } = row
  return { kind: row.kind, ...series, min, mean, max, last, increase }
}
