import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { createApi } from '#api/app.ts'
import { insertTraces } from '#storage/spans.ts'
import { useDatabase } from '#test/database.ts'
import { span, traces } from '#test/ingest/otlp.ts'

const { db } = useDatabase()
const NOW = Date.UTC(2026, 10, 1, 9)
const api = createApi({ db, version: '0.0.0', hosts: [], now: () => NOW, report: (bug) => console.error(bug) })

const START = BigInt(Date.UTC(2026, 10, 1, 8)) * 1_000_000n
const at = (ms: number) => START + BigInt(Math.round(ms * 1e6))

beforeAll(async () => {
  const own = { 'cycle.name': 'coin-fetcher' }
  const child = (spanId: string, name: string, from: number, to: number, attributes: Record<string, string | bigint>) =>
    span({
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      spanId,
      parentSpanId: '00f067aa0ba902b7',
      name,
      kind: attributes['step.kind'] === 'fetch' ? 3 : 1,
      startNano: at(from),
      endNano: at(to),
      attributes: { ...own, ...attributes },
    })
  const root = span({
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: '00f067aa0ba902b7',
    name: 'coin-fetcher',
    kind: 1,
    startNano: START,
    endNano: at(16_840),
    attributes: { ...own, 'cycle.outcome': 'ok', 'cycle.calls': 1n, 'cycle.items': 250n },
    events: [],
  })
  const http = { 'http.request.method': 'GET', 'server.address': 'api.example', 'http.response.status_code': 200n }
  await insertTraces(
    db,
    traces([
      {
        resource: { 'service.name': 'lcw-fetcher', 'service.version': '1.4.0' },
        spans: [
          root,
          child('b7ad6b7169203331', 'GET /coins', 12, 16_200, { 'step.kind': 'fetch', ...http }),
          child('b7ad6b7169203332', 'write coins', 16_210, 16_830, { 'step.kind': 'db', 'db.system.name': 'sqlite' }),
        ],
      },
    ]),
    'protobuf',
    randomUUID(),
  )
})

type Operation = {
  responses: Record<string, { content?: { 'application/json': { example?: unknown } } }>
}

const REQUESTS: Record<string, string> = {
  '/healthz': '/healthz',
  '/readyz': '/readyz',
  '/api/stats': '/api/stats?name=coin-fetcher',
  '/api/cycles': '/api/cycles',
  '/api/cycles/{traceId}': '/api/cycles/4bf92f3577b34da6a3ce929d0e0e4736',
}

test('carries for every route the example that the route really answers', async () => {
  const document = (await (await api.request('/api/openapi.json')).json()) as {
    paths: Record<string, Record<string, Operation>>
  }
  expect(Object.keys(document.paths).sort()).toEqual(Object.keys(REQUESTS).sort())
  for (const [path, operations] of Object.entries(document.paths)) {
    const answer = await api.request(REQUESTS[path] as string)
    expect(answer.status, path).toBe(200)
    const example = operations.get?.responses['200']?.content?.['application/json'].example
    expect(await answer.json(), path).toEqual(example)
  }
})
