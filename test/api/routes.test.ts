import { randomUUID } from 'node:crypto'
import { Registry } from 'prom-client'
import { beforeAll, expect, test } from 'vitest'
import { createApi } from '#api/app.ts'
import type { ErrorBody } from '#api/errors.ts'
import type { HistoryAnswer, StatsAnswer } from '#api/schemas.ts'
import { DEFAULT_BOUNDS } from '#model/buckets.ts'
import { openDatabase } from '#storage/client.ts'
import { writeDefinitions } from '#storage/definitions.ts'
import { useDatabase } from '#test/database.ts'
import { type SpanText, span, traces } from '#test/ingest/otlp.ts'
import { insertTraces } from '#test/storage/insert.ts'

const { db } = useDatabase()
const NOW = Date.UTC(2026, 10, 1, 12)
const bugs: unknown[] = []
const api = createApi({
  db,
  version: '0.0.0',
  registry: new Registry(),
  hosts: ['127.0.0.2', 'cycles.example'],
  now: () => NOW,
  report: (bug) => bugs.push(bug),
})

async function ask<Answer>(path: string): Promise<{ status: number; body: Answer }> {
  const answer = await api.request(path)
  return { status: answer.status, body: (await answer.json()) as Answer }
}

/** A cycle that ended this many minutes before now. */
function cycle(minutesAgo: number, seconds: number, name: string, attributes: Record<string, string> = {}): SpanText {
  const endNano = BigInt(NOW - minutesAgo * 60_000) * 1_000_000n
  const startNano = endNano - BigInt(seconds * 1e9)
  return span({
    traceId: randomUUID().replaceAll('-', ''),
    startNano,
    endNano,
    attributes: { 'cycle.name': name, ...attributes },
  })
}

beforeAll(async () => {
  const send = (version: string, spans: SpanText[]) =>
    insertTraces(
      db,
      traces([{ resource: { 'service.name': 's', 'service.version': version }, spans }]),
      'protobuf',
      randomUUID(),
    )
  await send('1.0', [cycle(10, 10, 'coins'), cycle(20, 25, 'coins', { region: 'eu' }), cycle(2_000, 1, 'coins')])
  await send('2.0', [
    cycle(5, 40, 'coins', { region: 'eu', 'cycle.outcome': 'partial' }),
    cycle(6, 70, 'coins'),
    cycle(7, 2, 'odds'),
  ])
})

const figures = [
  { asked: 'the last day by default', path: '?name=coins', expected: [['coins', null, [4]]] },
  {
    asked: 'every cycle, each for itself',
    path: '',
    expected: [
      ['coins', null, [4]],
      ['odds', null, [1]],
    ],
  },
  { asked: 'a longer window', path: '?name=coins&window=7d', expected: [['coins', null, [5]]] },
  {
    asked: 'a range',
    path: '?name=coins&from=2026-11-01T11:42:00Z&to=2026-11-01T11:54:00Z',
    expected: [['coins', null, [1]]],
  },
  {
    asked: 'a group by version',
    path: '?name=coins&by=version',
    expected: [
      ['coins', '1.0', [2]],
      ['coins', '2.0', [2]],
    ],
  },
  {
    asked: 'a group by any attribute',
    path: '?name=coins&by=region',
    expected: [
      ['coins', '', [2]],
      ['coins', 'eu', [2]],
    ],
  },
  { asked: 'one version', path: '?name=coins&where=version=2.0', expected: [['coins', null, [2]]] },
  { asked: 'two conditions', path: '?where=version=2.0&where=region=eu', expected: [['coins', null, [1]]] },
  {
    asked: 'a rolling series',
    path: '?name=coins&window=15m&step=5m&from=2026-11-01T11:40:00Z',
    expected: [['coins', null, [1, 1, 3, 3]]],
  },
  { asked: 'a window longer than time', path: '?name=coins&window=110000d', expected: [['coins', null, [5]]] },
  {
    asked: 'a range of centuries',
    path: '?name=coins&from=1970-01-01&to=2261-12-31',
    expected: [['coins', null, [5]]],
  },
  {
    asked: 'a window of parts of a millisecond',
    path: '?name=coins&window=86400000.4ms',
    expected: [['coins', null, [4]]],
  },
  {
    asked: 'a group by an attribute named like a method',
    path: '?name=coins&by=constructor',
    expected: [['coins', '', [4]]],
  },
  { asked: 'nothing for a condition named like a method', path: '?where=__proto__=x', expected: [] },
  {
    asked: 'windows centuries long',
    path: '?name=coins&window=110000d&step=5m&from=2026-11-01T11:50:00Z',
    expected: [['coins', null, [4, 5]]],
  },
  { asked: 'a name nobody used in that window', path: '?name=coins&from=2020-01-01&to=2020-01-02', expected: [] },
]
test.each(figures)('GET /api/stats counts $asked', async ({ path, expected }) => {
  const { body } = await ask<StatsAnswer>(`/api/stats${path}`)
  expect(body.items.map(({ cycle, group, windows }) => [cycle, group, windows.map(({ count }) => count)])).toEqual(
    expected,
  )
})

test('GET /api/stats leaves a window without cycles without figures', async () => {
  const { body } = await ask<StatsAnswer>('/api/stats?name=odds&step=5m&window=5m&from=2026-11-01T11:50:00Z')
  expect(body.items[0]?.windows).toMatchObject([{ count: 1, p50Ms: 2_000 }, { count: 0 }])
  expect(body.items[0]?.windows[1]).toEqual({
    count: 0,
    from: '2026-11-01T11:55:00.000Z',
    to: '2026-11-01T12:00:00.000Z',
  })
})

const lists = [
  { asked: 'newest first', path: '', expected: [40, 70, 2, 10, 25] },
  { asked: 'slowest first', path: '?sort=slowest', expected: [70, 40, 25, 10, 2] },
  { asked: 'two buckets', path: '?bucket=slow&bucket=very_slow', expected: [40, 70] },
  { asked: 'an outcome', path: '?outcome=partial', expected: [40] },
  { asked: 'what took longer', path: '?slowerThan=25s', expected: [40, 70] },
  { asked: 'one name and one attribute', path: '?name=coins&where=region=eu', expected: [40, 25] },
]
test.each(lists)('GET /api/cycles lists $asked', async ({ path, expected }) => {
  const { body } = await ask<HistoryAnswer>(`/api/cycles${path}`)
  expect(body.items.map(({ durationMs }) => durationMs / 1_000)).toEqual(expected)
  expect(body.cursor).toBeNull()
})

test('GET /api/cycles gives every cycle once when paged through', async () => {
  const seen: number[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body }: { body: HistoryAnswer } = await ask(
      `/api/cycles?limit=2&sort=slowest${cursor && `&cursor=${cursor}`}`,
    )
    seen.push(...body.items.map(({ durationMs }) => durationMs / 1_000))
    cursor = body.cursor
  }
  expect(seen).toEqual([70, 40, 25, 10, 2])
})

const huge = 'x'.repeat(100_000)
const mistakes = [
  { path: '/api/stats?name=coin', status: 404, says: "no cycle is named 'coin'; did you mean 'coins'?" },
  { path: '/api/stats?window=soon', status: 400, says: "window: 'soon' is not a duration" },
  { path: '/api/stats?step=0s', status: 400, says: "step: '0s' is too short" },
  { path: '/api/stats?from=yesterday', status: 400, says: "from: 'yesterday' is not a time" },
  { path: '/api/stats?from=2026-02-30', status: 400, says: "from: '2026-02-30' is not a time" },
  { path: '/api/stats?from=2026-11-02&to=2026-11-01', status: 400, says: 'is not before to' },
  { path: '/api/stats?step=1ms', status: 400, says: 'at most 10000 are allowed' },
  { path: '/api/stats?from=2026-10-01&window=1d', status: 400, says: 'leave one of them out' },
  { path: '/api/stats?where=nothing', status: 400, says: "'nothing' is not KEY=VALUE" },
  { path: '/api/stats?where=a=1&where=a=2', status: 400, says: 'a cannot have two values' },
  {
    path: '/api/cycles?bucket=norma',
    status: 400,
    says: "'norma' is none of fast, normal, slow, very_slow; did you mean 'normal'?",
  },
  { path: '/api/cycles?limit=0', status: 400, says: "limit: '0' is not a whole number from 1 to 1000" },
  { path: '/api/cycles?limit=many', status: 400, says: 'limit' },
  { path: '/api/cycles?sort=best', status: 400, says: "sort: 'best' is none of newest, oldest, slowest, fastest" },
  { path: '/api/cycles?cursor=abc', status: 400, says: 'cursor: it is not one' },
  { path: '/api/cycles/123', status: 400, says: "'123' is no trace id: it has 32 hexadecimal digits" },
  { path: `/api/cycles/${'a'.repeat(32)}`, status: 404, says: 'there are no spans of it' },
  { path: "/api/stats?name='%20OR%201=1%20--", status: 404, says: 'no cycle is named' },
  { path: `/api/stats?name=${huge}`, status: 404, says: 'no cycle is named' },
  { path: '/api/stats?nmae=coins', status: 400, says: "there is no parameter 'nmae'; did you mean 'name'?" },
  { path: '/api/cycles?buckets=slow', status: 400, says: "there is no parameter 'buckets'; did you mean 'bucket'?" },
  { path: '/api/stats?to=9999-12-31', status: 400, says: "to: '9999-12-31' is not between 1970 and 2261" },
  { path: '/api/stats?from=0001-01-01', status: 400, says: 'is not between 1970 and 2261' },
  { path: '/api/nothing', status: 404, says: 'there is no GET /api/nothing' },
]
test.each(mistakes)('GET $path is answered with $status', async ({ path, status, says }) => {
  const answer = await ask<ErrorBody>(path)
  expect(answer.status).toBe(status)
  expect(answer.body.error.message).toContain(says)
  expect(bugs).toEqual([])
})

test('GET /api/stats knows a cycle that is defined and has not run yet', async () => {
  await writeDefinitions(db, [{ name: 'planned', bounds: DEFAULT_BOUNDS }], NOW)
  expect(await ask('/api/stats?name=planned')).toEqual({ status: 200, body: { items: [], cursor: null } })
})

test('GET /api/stats refuses an answer nobody could draw', async () => {
  const spans = Array.from({ length: 300 }, (_, n) => cycle(1, 1, `many-${n}`))
  await insertTraces(db, traces([{ spans }]))
  const { status, body } = await ask<ErrorBody>('/api/stats?window=1h&step=4s&from=2026-11-01T11:00:00Z')
  expect(status).toBe(400)
  expect(body.error.message).toMatch(/series of 900 windows, and at most 200000 windows in all/)
})

test('GET / leads a person in a browser to addresses that all answer', async () => {
  const answer = await api.request('/')
  expect(answer.headers.get('content-type')).toBe('text/html; charset=UTF-8')
  expect(answer.headers.get('content-security-policy')).toBe("default-src 'none'; style-src 'unsafe-inline'")
  const links = [...(await answer.text()).matchAll(/href="([^"]+)"/g)].map(([, link]) =>
    (link as string).replaceAll('&amp;', '&'),
  )
  expect(links).toContain('/api/openapi.json')
  for (const link of links) expect([link, (await api.request(link)).status]).toEqual([link, 200])
})

test.each([
  ['http://127.0.0.1:4380', 200],
  ['http://localhost:4380', 200],
  ['http://[::1]:4380', 200],
  ['http://127.0.0.2:4380', 200],
  ['https://cycles.example', 200],
  ['http://evil.example:4380', 403],
])('a request sent to %s is answered %i', async (origin, status) => {
  expect((await api.request(`${origin}/healthz`)).status).toBe(status)
})

test('answers 503 with a time to come back when ClickHouse is away', async () => {
  const away = openDatabase({ url: 'http://127.0.0.1:9', user: 'x', password: 'x' }, 'x')
  const lonely = createApi({
    db: away,
    version: '0.0.0',
    registry: new Registry(),
    hosts: [],
    now: () => NOW,
    report: (bug) => bugs.push(bug),
  })
  for (const path of ['/readyz', '/api/stats', '/api/cycles']) {
    const answer = await lonely.request(path)
    expect([path, answer.status, answer.headers.get('retry-after')]).toEqual([path, 503, '1'])
  }
  expect((await lonely.request('/healthz')).status).toBe(200)
  await away.close()
})
