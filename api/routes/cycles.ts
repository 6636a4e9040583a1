// GET /api/cycles: the history. GET /api/cycles/:traceId: one cycle with its spans.

import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { history, oneCycle } from '#analysis/history.ts'
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
  where,
  wholeNumber,
  word,
  words,
} from '#api/parameters.ts'
import { type CycleAnswer, errorAnswer, historyAnswer, waterfallAnswer } from '#api/schemas.ts'
import { BUCKETS } from '#model/buckets.ts'
import { OUTCOMES } from '#model/cycles.ts'
import { BadInput } from '#model/errors.ts'
import { type CycleRow, SORTS } from '#storage/cycles.ts'

const MAX_LIMIT = 1_000
const DEFAULT_LIMIT = 50

const wrong = { description: 'A parameter is wrong', content: { 'application/json': { schema: errorAnswer } } }
const unknown = { description: 'There is no such cycle', content: { 'application/json': { schema: errorAnswer } } }

const historyRoute = createRoute({
  method: 'get',
  path: '/api/cycles',
  summary: 'The history of finished cycles',
  request: {
    query: parameters({
      name: z.string().min(1).optional().openapi({ description: 'a cycle; all when absent' }),
      ...timeRange,
      window: duration('length of the range that ends at `to`; 24h when absent').optional(),
      bucket: words(BUCKETS, 'only cycles in these buckets'),
      outcome: words(OUTCOMES, 'only cycles with these outcomes'),
      slowerThan: duration('only cycles that took longer').optional(),
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
  request: {
    params: z.object({
      traceId: z
        .string()
        .regex(/^[0-9a-fA-F]{32}$/, { error: ({ input }) => `'${input}' is no trace id: it has 32 hexadecimal digits` })
        .toLowerCase(),
    }),
  },
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
    const { cycles, next } = await history(db, {
      name: asked.name ?? null,
      range: toRange(asked, now(), asked.window ?? DEFAULT_WINDOW_MS),
      buckets: asked.bucket ?? [],
      outcomes: asked.outcome ?? [],
      where: toFilter(asked.where),
      slowerThanMs: asked.slowerThan ?? null,
      sort: asked.sort,
      limit: asked.limit ?? DEFAULT_LIMIT,
      after: asked.cursor === undefined ? null : readCursor(asked.cursor, asked.sort),
    })
    return context.json({ items: cycles.map(toAnswer), cursor: next && writeCursor(next, asked.sort) }, 200)
  })
  app.openapi(oneRoute, async (context) => {
    const { cycle, spans } = await oneCycle(db, context.req.valid('param').traceId)
    return context.json({ cycle: toAnswer(cycle), spans }, 200)
  })
}

function toAnswer(row: CycleRow): CycleAnswer {
  return {
    cycle: row.cycle,
    traceId: row.traceId,
    startedAt: new Date(row.startedAt).toISOString(),
    endedAt: new Date(row.endedAt).toISOString(),
    durationMs: row.durationMs,
    bucket: row.bucket,
    outcome: row.outcome,
    service: row.service,
    version: row.version,
    message: row.message,
    attributes: row.attributes,
  }
}
