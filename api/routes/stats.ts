// GET /api/stats: percentiles, buckets and outcomes, as one figure or a rolling series.

import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { type Stats, stats } from '#analysis/stats.ts'
import { STATS_EXAMPLE } from '#api/examples.ts'
import type { ApiOptions } from '#api/options.ts'
import { DEFAULT_WINDOW_MS, duration, parameters, timeRange, toFilter, toRange, where } from '#api/parameters.ts'
import { errorAnswer, type StatsAnswer, statsAnswer } from '#api/schemas.ts'
import { attributeKey } from '#model/attributes.ts'
import { BadInput } from '#model/errors.ts'

const query = parameters({
  name: z.string().min(1).optional().openapi({ description: 'a cycle; every cycle, each for itself, when absent' }),
  ...timeRange,
  window: duration('length of the range, or of each window when step is given; 24h when nothing says more').optional(),
  step: duration('makes it a rolling series: one window per step of the range').optional(),
  by: z.string().min(1).optional().openapi({ description: 'split by this attribute', example: 'version' }),
  where,
})

const route = createRoute({
  method: 'get',
  path: '/api/stats',
  summary: 'Percentiles, buckets and outcomes of cycles',
  description:
    'A cycle belongs to the window in which it ended; windows hold their start and not their end. Percentiles are exact ' +
    '(R type 7) over every outcome. A window without cycles has a count of 0 and no figures.',
  request: { query },
  responses: {
    200: {
      description: 'One item per cycle, and per value of `by`',
      content: { 'application/json': { schema: statsAnswer, example: STATS_EXAMPLE } },
    },
    400: { description: 'A parameter is wrong', content: { 'application/json': { schema: errorAnswer } } },
    404: { description: 'No cycle has that name', content: { 'application/json': { schema: errorAnswer } } },
  },
})

export function registerStats(app: OpenAPIHono, { db, now }: ApiOptions): void {
  app.openapi(route, async (context) => {
    const asked = context.req.valid('query')
    if (asked.from !== undefined && asked.window !== undefined && asked.step === undefined) {
      throw new BadInput('window: with from, the range is the window; leave one of them out, or give a step')
    }
    const items = await stats(db, {
      name: asked.name ?? null,
      by: asked.by === undefined ? null : attributeKey(asked.by),
      where: toFilter(asked.where),
      range: toRange(asked, now(), asked.window ?? DEFAULT_WINDOW_MS),
      windowMs: asked.window ?? null,
      stepMs: asked.step ?? null,
    })
    return context.json(toAnswer(items), 200)
  })
}

function toAnswer(items: Stats[]): StatsAnswer {
  const time = (ms: number) => new Date(ms).toISOString()
  return {
    items: items.map(({ windows, ...series }) => ({
      ...series,
      windows: windows.map((window) => ({ ...window, from: time(window.from), to: time(window.to) })),
    })),
    cursor: null,
  }
}
