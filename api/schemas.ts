// What the routes answer, as schemas: the OpenAPI document, the CLI and the tests read the same ones.

import { z } from '@hono/zod-openapi'
import { BUCKETS } from '#model/buckets.ts'
import { OUTCOMES } from '#model/cycles.ts'
import { DISTRIBUTION_KINDS, VALUE_KINDS } from '#storage/telemetry.ts'

export const healthAnswer = z.object({ status: z.literal('ok') }).openapi('Health')

const share = z.object({ count: z.number(), share: z.number() })

/** RFC 3339 with milliseconds, in UTC. */
const time = z.iso.datetime()

const emptyWindow = z.object({ from: time, to: time, count: z.literal(0) })

const filledWindow = z.object({
  from: time,
  to: time,
  count: z.number().positive(),
  p50Ms: z.number(),
  p95Ms: z.number(),
  p99Ms: z.number(),
  meanMs: z.number(),
  minMs: z.number(),
  maxMs: z.number(),
  buckets: z.record(z.enum(BUCKETS), share),
  outcomes: z.record(z.enum(OUTCOMES), share),
})

export const statsAnswer = z
  .object({
    items: z.array(
      z.object({
        cycle: z.string(),
        group: z.string().nullable(),
        windows: z.array(z.union([emptyWindow, filledWindow])),
      }),
    ),
    cursor: z.null(),
  })
  .openapi('Stats')
export type StatsAnswer = z.infer<typeof statsAnswer>

const identity = { cycle: z.string(), traceId: z.string(), startedAt: time }

const description = {
  service: z.string(),
  version: z.string(),
  message: z.string(),
  attributes: z.record(z.string(), z.string()),
}

const finishedCycle = z
  .object({
    ...identity,
    endedAt: time,
    durationMs: z.number(),
    bucket: z.enum(BUCKETS),
    outcome: z.enum(OUTCOMES),
    ...description,
  })
  .openapi('FinishedCycle')

const runningCycle = z
  .object({
    ...identity,
    endedAt: z.null(),
    durationMs: z.number().openapi({ description: 'how long it has run so far' }),
    bucket: z.null(),
    outcome: z.literal('running'),
    ...description,
  })
  .openapi('RunningCycle')

const cycle = z.union([finishedCycle, runningCycle]).openapi('Cycle')
export type CycleAnswer = z.infer<typeof cycle>

export const historyAnswer = z.object({ items: z.array(cycle), cursor: z.string().nullable() }).openapi('History')
export type HistoryAnswer = z.infer<typeof historyAnswer>

const span = z
  .object({
    spanId: z.string(),
    depth: z.number(),
    parent: z.enum(['none', 'present', 'missing']),
    name: z.string(),
    kind: z.string(),
    service: z.string(),
    startMs: z.number(),
    durationMs: z.number(),
    status: z.string(),
    message: z.string(),
    attributes: z.record(z.string(), z.string()),
    events: z.array(z.object({ name: z.string(), atMs: z.number(), attributes: z.record(z.string(), z.string()) })),
  })
  .openapi('Span')

export const waterfallAnswer = z.object({ cycle, spans: z.array(span) }).openapi('Waterfall')
export type WaterfallAnswer = z.infer<typeof waterfallAnswer>

const truncated = z.boolean().openapi({ description: 'whether there are more than `limit`' })

const logRecord = z
  .object({
    time,
    atMs: z.number().openapi({ description: 'since the start of the cycle' }),
    related: z.enum(['trace', 'time']).openapi({ description: 'by trace id, or else by service, host and time alone' }),
    severity: z.string(),
    event: z.string(),
    body: z.string(),
    spanId: z.string(),
    service: z.string(),
    attributes: z.record(z.string(), z.string()),
  })
  .openapi('LogRecord')

export const logsAnswer = z.object({ items: z.array(logRecord), cursor: z.null(), truncated }).openapi('Logs')
export type LogsAnswer = z.infer<typeof logsAnswer>

/** Null is what cannot be known: a cumulative counter with one point, or a figure that is no number. */
const figure = z.number().nullable()

const series = {
  name: z.string(),
  unit: z.string(),
  attributes: z.record(z.string(), z.string()),
  points: z.number().openapi({ description: 'how many data points the figures are of' }),
  during: z
    .boolean()
    .openapi({ description: 'false: none fell into the time of the cycle, they are of a minute around it' }),
}

const values = z
  .object({
    kind: z.enum(VALUE_KINDS),
    ...series,
    min: figure,
    mean: figure,
    max: figure,
    last: figure,
    increase: figure.openapi({ description: 'of a sum that only grows: by how much it did' }),
  })
  .openapi('Values')

const distribution = z
  .object({
    kind: z.enum(DISTRIBUTION_KINDS),
    ...series,
    count: figure.openapi({ description: 'how many values were added' }),
    sum: figure.openapi({ description: 'and what they add up to' }),
  })
  .openapi('Distribution')

export const metricsAnswer = z
  .object({ items: z.array(z.union([values, distribution])), cursor: z.null(), truncated })
  .openapi('Metrics')
export type MetricsAnswer = z.infer<typeof metricsAnswer>

export const errorAnswer = z
  .object({
    error: z.object({
      code: z.string(),
      message: z.string(),
      details: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    }),
  })
  .openapi('Error')
