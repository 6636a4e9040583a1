// The HTTP API: every route in one app, its errors, and the OpenAPI document made from the same definitions.

import { OpenAPIHono } from '@hono/zod-openapi'
import { BadInput } from '#model/errors.ts'
import { answerError } from './errors.ts'
import { onlyKnownHosts } from './hosts.ts'
import type { ApiOptions } from './options.ts'
import { registerBeside } from './routes/beside.ts'
import { registerCycles } from './routes/cycles.ts'
import { registerHealth } from './routes/health.ts'
import { registerHome } from './routes/home.ts'
import { registerMetrics } from './routes/metrics.ts'
import { registerStats } from './routes/stats.ts'

export function createApi(options: ApiOptions): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook: (result) => {
      if (result.success) return
      const problems = result.error.issues.map(({ path, message }) => ({ path: String(path[0] ?? ''), message }))
      throw new BadInput(problems.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; '), {
        problems,
      })
    },
  })
  app.onError((error, context) => answerError(error, context, options.report))
  app.notFound((context) => {
    const message = `there is no ${context.req.method} ${context.req.path}; see /api/openapi.json`
    return answerError(new BadInput(message, { code: 'not_found' }), context, options.report)
  })
  app.use(onlyKnownHosts(options.hosts))
  registerHome(app, options)
  registerHealth(app, options)
  registerMetrics(app, options)
  registerStats(app, options)
  registerCycles(app, options)
  registerBeside(app, options)
  app.doc31('/api/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'Cyclewatch', version: options.version, description: 'How slow recurring fetch jobs are, and why.' },
  })
  return app
}
