// Whether the process lives, and whether it can answer.

import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import type { ApiOptions } from '#api/options.ts'
import { errorAnswer, healthAnswer } from '#api/schemas.ts'
import { Unavailable } from '#model/errors.ts'
import { pendingMigrations } from '#storage/migrate.ts'

const healthy = createRoute({
  method: 'get',
  path: '/healthz',
  summary: 'Whether the process lives',
  responses: {
    200: {
      description: 'It does',
      content: { 'application/json': { schema: healthAnswer, example: { status: 'ok' } } },
    },
  },
})

const ready = createRoute({
  method: 'get',
  path: '/readyz',
  summary: 'Whether ClickHouse answers and its schema is complete',
  responses: {
    200: { description: 'Both', content: { 'application/json': { schema: healthAnswer, example: { status: 'ok' } } } },
    503: { description: 'Not yet', content: { 'application/json': { schema: errorAnswer } } },
  },
})

export function registerHealth(app: OpenAPIHono, { db }: ApiOptions): void {
  app.openapi(healthy, (context) => context.json({ status: 'ok' } as const, 200))
  app.openapi(ready, async (context) => {
    const pending = await pendingMigrations(db)
    if (pending.length > 0) throw new Unavailable(`${pending.length} migrations have not been applied`)
    return context.json({ status: 'ok' } as const, 200)
  })
}
