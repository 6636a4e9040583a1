import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CYCLES_EXAMPLE, WATERFALL_EXAMPLE } from '#api/examples.ts'
import { LOGS_EXAMPLE, METRICS_EXAMPLE } from '#api/examples-beside.ts'
import { run } from '#test/cli/surroundings.ts'

const TRACE = WATERFALL_EXAMPLE.cycle.traceId
const ANSWERS: Record<string, unknown> = {
  '/api/cycles': CYCLES_EXAMPLE,
  [`/api/cycles/${TRACE}`]: WATERFALL_EXAMPLE,
  [`/api/cycles/${TRACE}/logs`]: LOGS_EXAMPLE,
  [`/api/cycles/${TRACE}/metrics`]: METRICS_EXAMPLE,
}

const server = createServer((request, response) => {
  const { pathname, search } = new URL(request.url ?? '', 'http://api')
  const answer = search.includes('name=none') ? { items: [], cursor: null } : ANSWERS[pathname]
  response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
})
let url: string[]
beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  url = ['--url', `http://127.0.0.1:${(server.address() as AddressInfo).port}`]
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

test.each([
  { options: [], parts: [/^coin-fetcher /] },
  { options: ['--logs'], parts: [/^coin-fetcher /, /\n\n +at +by +severity/] },
  { options: ['--metrics'], parts: [/^coin-fetcher /, /\n\nmetric +attributes/] },
  { options: ['--metrics', '--logs'], parts: [/^coin-fetcher /, /\n\n +at +by +severity/, /\n\nmetric +attributes/] },
])('cycle TRACE_ID $options', async ({ options, parts }) => {
  const { code, out, err } = await run(['cycle', TRACE, ...options, ...url])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(parts.map((part) => out.search(part) >= 0)).toEqual(parts.map(() => true))
  expect(out.split('\n\n')).toHaveLength(parts.length + 1)
})

test.each([
  { options: [], document: WATERFALL_EXAMPLE },
  { options: ['--logs'], document: { ...WATERFALL_EXAMPLE, logs: LOGS_EXAMPLE } },
  {
    options: ['--logs', '--metrics'],
    document: { ...WATERFALL_EXAMPLE, logs: LOGS_EXAMPLE, metrics: METRICS_EXAMPLE },
  },
])('cycle TRACE_ID $options --json prints one document', async ({ options, document }) => {
  const { out } = await run(['cycle', TRACE, ...options, '--json', ...url])
  expect(JSON.parse(out)).toEqual(document)
})

test('cycles shows which run, without an end or a bucket', async () => {
  const { out } = await run(['cycles', ...url])
  expect(out).toMatchInlineSnapshot(`
    "ended                 cycle         duration  bucket  outcome  version  items  calls  trace
    running               coin-fetcher      12 s  –       running  1.4.0        –      –  7bd2a91f0c4e4d1f8a35c9e7d2b60f14
    2026-11-01T08:00:16Z  coin-fetcher    16.8 s  fast    ok       1.4.0      250      1  4bf92f3577b34da6a3ce929d0e0e4736
    "
  `)
})

test.each([
  { options: [], says: 'no such cycle ended in the 24h before now; --window 30d looks further back\n' },
  {
    options: ['--outcome', 'running', '--window', '1h'],
    says: 'no cycle that still runs began in the 1h before now; --window 7d looks further back\n',
  },
])('cycles $options says what was not found', async ({ options, says }) => {
  expect(await run(['cycles', 'none', ...options, ...url])).toEqual({ code: 0, out: says, err: '' })
})
