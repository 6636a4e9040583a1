import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { ANYWHERE, newFolder, startProgram } from '#test/e2e/processes.ts'
import { ask, cyclesOf, newTraceId, post, select, stop, type Up, up, waterfallOf } from '#test/e2e/running.ts'
import { SPAN_ID, span, tracesJson } from '#test/ingest/otlp.ts'

const MATCHED = `${ANYWHERE}
cycles:
  - name: report
    match: { service: nightly, span: run report }
`

/** Stands before ingest and notes what passes: the way to see what the exporter sees. */
async function listenIn({ ingest }: Up): Promise<{ url: string; passed: string[]; server: Server }> {
  const passed: string[] = []
  const server = createServer(async (request, response) => {
    const { host: _, connection: __, 'transfer-encoding': ___, ...headers } = request.headers
    const answer = await fetch(ingest + request.url, {
      method: request.method as string,
      headers: headers as Record<string, string>,
      body: new Uint8Array(await buffer(request)),
    })
    passed.push(`${request.url} ${answer.status}`)
    response
      .writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' })
      .end(new Uint8Array(await answer.arrayBuffer()))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, passed, server }
}

/** Runs the job once; what it sent and how it was answered. */
async function runStranger(running: Up): Promise<string[]> {
  const { url, passed, server } = await listenIn(running)
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: url }
  const program = join(import.meta.dirname, 'stranger.mjs')
  const ended = await startProgram(running.folder, process.execPath, [program], { env }).ended
  server.close()
  expect(ended).toMatchObject({ code: 0, out: '', err: '' })
  return passed
}

test.concurrent('knows the runs of a stranger as cycles, also those that came before anybody said so', async () => {
  const folder = newFolder()
  const before = await up(folder)
  expect((await runStranger(before)).filter((line) => line.startsWith('/v1/traces'))).toEqual(['/v1/traces 200'])
  expect(await cyclesOf(before)).toEqual([])
  await stop(before)

  writeFileSync(join(folder, 'cyclewatch.yaml'), MATCHED)
  const running = await up(folder)
  expect(await cyclesOf(running, '&name=report')).toMatchObject([{ service: 'nightly', outcome: 'ok', bucket: 'fast' }])
  await runStranger(running)
  const cycles = await cyclesOf(running, '&name=report')
  expect(cycles).toHaveLength(2)
  for (const { traceId, durationMs } of cycles) {
    expect(durationMs).toBeGreaterThanOrEqual(290)
    const { spans } = await waterfallOf(running, traceId)
    expect(spans.map(({ depth, name }) => `${depth} ${name}`)).toEqual(['0 run report', '1 read orders', '1 render'])
    const steps = await select(
      running,
      `SELECT StepKind, StepName FROM steps WHERE TraceId = '${traceId}' AND CycleName = 'report' ORDER BY Timestamp`,
    )
    expect(steps).toEqual([
      { StepKind: 'db', StepName: 'read orders' },
      { StepKind: 'compute', StepName: 'render' },
    ])
  }
  expect(await ask(running, ['stats'])).toMatchObject({ code: 0, out: expect.stringMatching(/^report +2 /m) })
  await stop(running)
})

test.concurrent('puts a late root and its earlier, repeated steps together as one cycle', async () => {
  const running = await up(newFolder(MATCHED))
  const traceId = newTraceId()
  const now = BigInt(Date.now()) * 1_000_000n
  const at = { traceId, startNano: now - 3_000_000_000n, endNano: now }
  const resource = { 'service.name': 'nightly' }
  const step = span({ ...at, spanId: 'aaaaaaaaaaaaaaaa', parentSpanId: SPAN_ID, name: 'read orders' })
  const other = span({ ...at, spanId: 'bbbbbbbbbbbbbbbb', parentSpanId: SPAN_ID, name: 'render' })
  const root = span({ ...at, name: 'run report' })
  for (const spans of [[step], [step, other], [root], [other, root]]) {
    expect((await post(running, tracesJson([{ resource, spans }]))).status).toBe(200)
  }
  expect(await cyclesOf(running)).toMatchObject([{ cycle: 'report', traceId, durationMs: 3_000 }])
  expect(await select(running, 'SELECT StepName FROM steps ORDER BY StepName')).toEqual([
    { StepName: 'read orders' },
    { StepName: 'render' },
  ])
  expect((await waterfallOf(running, traceId)).spans).toHaveLength(3)
  await stop(running)
})
