// GET /api/cycles: the history. GET /api/cycles/:traceId: one cycle with its spans.

import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { type AnyCycle, history, oneCycle } from '#analysis/history.ts'
import { readCursor, writeCursor } from '#api/cursor.ts'
import { CYCLES_EXAMPLE, WATERFALL_EXAMPLE } from '#api/examples.ts'
import type { ApiOptions } from '#api/options.ts'
import {
  DEFAULT_WINDOW_MS,
  duration,
  parameters,
  timeRange,
  toFilter,
  toRange,
  traceId,
  where,
  wholeNumber,
  word,
  words,
} from '#api/parameters.ts'
import { unknown, wrong } from '#api/refusals.ts'
import { type CycleAnswer, historyAnswer, waterfallAnswer } from '#api/schemas.ts'
import { BUCKETS } from '#model/buckets.ts'
import { STATES } from '#model/cycles.ts'
import { BadInput } from '#model/errors.ts'
import { SORTS } from '#storage/cycles.ts'

const MAX_LIMIT = 1_000
const DEFAULT_LIMIT = 50

const historyRoute = createRoute({
  method: 'get',
  path: '/api/cycles',
  summary: 'The history of cycles, finished and running',
  description:
    'A cycle belongs to the range in which it ended; one that still runs, to that in which it began. Those that run come ' +
    'first in every order, and are in no bucket. One that began more than 7 days ago and never ended is left out.',
  request: {
    query: parameters({
      name: z.string().min(1).optional().openapi({ description: 'a cycle; all when absent' }),
      ...timeRange,
      window: duration('length of the range that ends at `to`; 24h when absent').optional(),
      bucket: words(BUCKETS, 'only cycles in these buckets'),
      outcome: words(STATES, 'only cycles with these outcomes, or that still run'),
      slowerThan: duration('only cycles that took longer, or have run longer').optional(),
      where,
      sort: word(SORTS).default('newest'),
      limit: wholeNumber(MAX_LIMIT).optional(),
      cursor: z.string().optional().openapi({ description: 'the cursor of the page before' }),
    }),
  },
  responses: {
    200: {
      description: 'A page of cycles',
      content: { 'application/json': { schema: historyAnswer, example: CYCLES_EXAMPLE } },
    },
    400: wrong,
    404: unknown,
  },
})

const oneRoute = createRoute({
  method: 'get',
  path: '/api/cycles/{traceId}',
  summary: 'One cycle and its spans, in the order a waterfall draws them',
  description: 'Of a cycle that still runs, the spans are those that have arrived.',
  request: { params: z.object({ traceId }) },
  responses: {
    200: {
      description: 'The cycle',
      content: { 'application/json': { schema: waterfallAnswer, example: WATERFALL_EXAMPLE } },
    },
    400: wrong,
    404: unknown,
  },
})

export function registerCycles(app: OpenAPIHono, { db, now }: ApiOptions): void {
  app.openapi(historyRoute, async (context) => {
    const asked = context.req.valid('query')
    if (asked.from !== undefined && asked.window !== undefined) {
      throw new BadInput('window: give from or window, not both')
    }
    const at = now()
    const { cycles, next } = await history(db, {
      name: asked.name ?? null,
      range: toRange(asked, at, asked.window ?? DEFAULT_WINDOW_MS),
      buckets: asked.bucket ?? [],
      outcomes: asked.outcome ?? [],
      where: toFilter(asked.where),
      slowerThanMs: asked.slowerThan ?? null,
      sort: asked.sort,
      limit: asked.limit ?? DEFAULT_LIMIT,
      after: asked.cursor === undefined ? null : readCursor(asked.cursor, asked.sort),
      now: at,
    })
    return context.json({ items: cycles.map(toAnswer), cursor: next && writeCursor(next, asked.sort) }, 200)
  })
  app.openapi(oneRoute, async (context) => {
    const { cycle, spans } = await oneCycle(db, context.req.valid('param').traceId, now())
    return context.json({ cycle: toAnswer(cycle), spans }, 200)
  })
}

function toAnswer({ cycle, traceId, startedAt, durationMs, service, version, message, ...row }: AnyCycle): CycleAnswer {
  const time = (ms: number) => new Date(ms).toISOString()
  const same = { cycle, traceId, startedAt: time(startedAt), durationMs, service, version, message }
  const { attributes, outcome } = row
  if (outcome === 'running') return { ...same, endedAt: null, bucket: null, outcome, attributes }
  return { ...same, endedAt: time(row.endedAt), bucket: row.bucket, outcome, attributes }
}
