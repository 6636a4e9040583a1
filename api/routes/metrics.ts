// GET /metrics: what this process counts, for Prometheus; as JSON for whoever asks for that.

import type { OpenAPIHono } from '@hono/zod-openapi'
import { accepts } from 'hono/accepts'
import type { ApiOptions } from '#api/options.ts'

export function registerMetrics(app: OpenAPIHono, { registry }: ApiOptions): void {
  app.get('/metrics', async (context) => {
    const type = accepts(context, {
      header: 'Accept',
      supports: ['text/plain', 'application/json'],
      default: 'text/plain',
    })
    if (type === 'application/json') return context.json(await registry.getMetricsAsJSON())
    return context.text(await registry.metrics(), 200, { 'Content-Type': registry.contentType })
  })
}
