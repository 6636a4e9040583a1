import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { startTelemetry } from '#collector/collector.ts'
import { runCoinCycle } from '#demo/coins/job.ts'
import { startCoinUpstream } from '#demo/coins/upstream.ts'

type Value = { stringValue?: string; intValue?: number; doubleValue?: number }
type Span = { name: string; attributes: { key: string; value: Value }[] }
type Export = { resourceSpans?: { scopeSpans: { spans: Span[] }[] }[] }

function attribute(span: Span | undefined, key: string): string | number | undefined {
  const value = span?.attributes.find((one) => one.key === key)?.value
  return value?.stringValue ?? value?.intValue ?? value?.doubleValue
}

/** One cycle of the job as it leaves the process, in OTLP. */
async function recordCycle(apiKey: string): Promise<{ bodies: string[]; spans: Span[] }> {
  const bodies: string[] = []
  const receiver = createServer(async (request, response) => {
    bodies.push(await text(request))
    response.setHeader('content-type', 'application/json').end('{}')
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  const folder = mkdtempSync(join(tmpdir(), 'cyclewatch-demo-'))
  const upstream = await startCoinUpstream({ random: () => 0 })
  const { port } = receiver.address() as AddressInfo
  const telemetry = startTelemetry({ service: 'lcw-fetcher', endpoint: `http://127.0.0.1:${port}`, version: '1.0.0' })
  try {
    await runCoinCycle({ upstream: upstream.url, database: join(folder, 'coins.db'), apiKey })
  } finally {
    await telemetry.shutdown()
    await upstream.close()
    receiver.close().closeAllConnections()
    rmSync(folder, { recursive: true })
  }
  const exports = bodies.map((body) => JSON.parse(body) as Export)
  // Metrics and log records come here too.
  const spans = exports.flatMap(({ resourceSpans = [] }) =>
    resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
  )
  return { bodies, spans }
}

test('records a cycle as four calls and a write, without the key', async () => {
  const { bodies, spans } = await recordCycle('open-sesame')
  const steps = spans.map((span) => [span.name, attribute(span, 'step.kind')])
  expect(steps.toSorted()).toEqual([
    ['GET /coins', 'fetch'],
    ['GET /exchanges', 'fetch'],
    ['GET /markets', 'fetch'],
    ['GET /status', 'fetch'],
    ['coin-fetcher', undefined],
    ['database write', 'db'],
  ])

  const root = spans.find((span) => span.name === 'coin-fetcher')
  const totals = ['cycle.outcome', 'cycle.calls', 'cycle.queries', 'cycle.items', 'cycle.items.expected']
  expect(totals.map((key) => attribute(root, key))).toEqual(['ok', 4, 1, 156, 156])

  const write = spans.find((span) => span.name === 'database write')
  const database = ['db.system.name', 'db.query.summary', 'db.operation.batch.size']
  expect(database.map((key) => attribute(write, key))).toEqual([
    'sqlite',
    'INSERT coins INSERT exchanges INSERT markets',
    156,
  ])
  expect(bodies.join()).not.toContain('open-sesame')
})
