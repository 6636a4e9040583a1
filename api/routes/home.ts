// GET /: what a person sees who opens the address in a browser.

import type { OpenAPIHono } from '@hono/zod-openapi'
import { html } from 'hono/html'
import { secureHeaders } from 'hono/secure-headers'
import type { ApiOptions } from '#api/options.ts'

const LINKS = [
  { path: '/api/stats', text: 'p50, p95 and p99, buckets and outcomes of every cycle over the last day' },
  { path: '/api/stats?window=1h&step=5m', text: 'the same as a rolling series: an hour long, every five minutes' },
  { path: '/api/cycles?sort=slowest&limit=10', text: 'the ten slowest cycles of the last day' },
  { path: '/api/openapi.json', text: 'every route and parameter, as an OpenAPI document' },
  { path: '/readyz', text: 'whether ClickHouse answers' },
]

const STYLE = `body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem }
:root { color-scheme: light dark }
dt { font-family: ui-monospace, monospace; margin-top: 1rem }`

export function registerHome(app: OpenAPIHono, { version }: ApiOptions): void {
  app.use('/', secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'none'"], styleSrc: ["'unsafe-inline'"] } }))
  app.get('/', (context) =>
    context.html(html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Cyclewatch</title><style>${STYLE}</style></head>
<body>
<h1>Cyclewatch ${version}</h1>
<p>It runs. What it knows about your cycles is here:</p>
<dl>${LINKS.map(({ path, text }) => html`<dt><a href="${path}">${path}</a></dt><dd>${text}</dd>`)}</dl>
</body>
</html>`),
  )
}
