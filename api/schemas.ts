// What the routes answer, as schemas: the OpenAPI document, the CLI and the tests read the same ones.

import { z } from '@hono/zod-openapi'
import { BUCKETS } from '#model/buckets.ts'
import { OUTCOMES } from '#model/cycles.ts'

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

const cycle = z
  .object({
    cycle: z.string(),
    traceId: z.string(),
    startedAt: time,
    endedAt: time,
    durationMs: z.number(),
    bucket: z.enum(BUCKETS),
    outcome: z.enum(OUTCOMES),
    service: z.string(),
    version: z.string(),
    message: z.string(),
    attributes: z.record(z.string(), z.string()),
  })
  .openapi('Cycle')
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

export const errorAnswer = z
  .object({
    error: z.object({
      code: z.string(),
      message: z.string(),
      details: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    }),
  })
  .openapi('Error')
