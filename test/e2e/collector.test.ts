import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newFolder, startProgram } from '#test/e2e/processes.ts'
import { cyclesOf, select, stop, type Up, up, waterfallOf } from '#test/e2e/running.ts'

const JOB = fileURLToPath(import.meta.resolve('#test/e2e/job.ts'))

const upstream = createServer((request, response) => {
  request.resume()
  if (request.url === '/moved') response.writeHead(302, { location: '/page' }).end()
  else if (request.url === '/broken') response.writeHead(500).end('broken')
  else response.end('0123456789')
})

const PROTOCOLS = ['http/json', 'http/protobuf'] as const
type Protocol = (typeof PROTOCOLS)[number]
/** The trace ids of a job's three cycles. */
type Sent = { ok: string; partial: string; failed: string }

let running: Up
let jobs: Record<Protocol, Sent>
beforeAll(async () => {
  await once(upstream.listen(0, '127.0.0.1'), 'listening')
  running = await up(newFolder())
  const ran = await Promise.all(PROTOCOLS.map(async (protocol) => [protocol, await runJob(protocol)] as const))
  jobs = Object.fromEntries(ran) as Record<Protocol, Sent>
})
afterAll(async () => {
  await stop(running)
  upstream.close()
})

/** Runs the job to its end. */
async function runJob(protocol: Protocol): Promise<Sent> {
  const { port } = upstream.address() as AddressInfo
  const env = {
    UPSTREAM: `http://127.0.0.1:${port}`,
    OTEL_EXPORTER_OTLP_ENDPOINT: running.ingest,
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
  }
  const argv = ['--disable-warning=ExperimentalWarning', JOB]
  const ended = await startProgram(running.folder, process.execPath, argv, { env }).ended
  expect(ended).toMatchObject({ code: 0, err: '' })
  const [ok, partial, failed] = ended.out.trim().split('\n') as [string, string, string]
  return { ok, partial, failed }
}

type StepRow = { StepKind: string; StepName: string; StatusCode: string; ms: number; WaitReason: string }

function stepsOf(traceId: string): Promise<StepRow[]> {
  return select(
    running,
    `SELECT StepKind, StepName, StatusCode, Duration / 1e6 AS ms, WaitReason FROM steps
     WHERE TraceId = '${traceId}' AND CycleName = 'prices' ORDER BY Timestamp`,
  )
}

const SIX = { service: 'job', version: '2.0.0', bucket: 'fast' }

for (const protocol of PROTOCOLS) {
  test(`stores what a job with the collector sends as ${protocol}, whole and adding up`, async () => {
    const { ok, partial, failed } = jobs[protocol]

    const cycles = new Map((await cyclesOf(running)).map((cycle) => [cycle.traceId, cycle]))
    expect(cycles.get(ok)).toMatchObject({ ...SIX, cycle: 'prices', outcome: 'ok', message: '' })
    expect(cycles.get(partial)).toMatchObject({ ...SIX, outcome: 'partial' })
    expect(cycles.get(failed)).toMatchObject({ ...SIX, outcome: 'failed', message: 'the disk is full' })

    // Not every system tells how long it kept a process from running.
    const { 'cycle.cpu.throttled_ms': _, ...root } = cycles.get(ok)?.attributes ?? {}
    expect(root).toEqual({
      'cycle.name': 'prices',
      'cycle.outcome': 'ok',
      'cycle.trigger': 'manual',
      'cycle.items': '5',
      'cycle.items.expected': '6',
      'cycle.items.failed': '1',
      'cycle.cost': '0.25',
      'cycle.calls': '4',
      'cycle.retries': '0',
      'cycle.queries': '2',
      'cycle.db_ms': expect.stringMatching(/^\d+(\.\d{1,3})?$/),
      'cycle.wait_ms': expect.stringMatching(/^\d+(\.\d{1,3})?$/),
      'cycle.cache.hits': '1',
      'cycle.cache.misses': '1',
      'cycle.bytes.received': '30',
      'cycle.bytes.sent': '12',
      'cycle.concurrency.mean': expect.stringMatching(/^\d+(\.\d{1,3})?$/),
      'cycle.cpu_ms': expect.stringMatching(/^\d+(\.\d+)?$/),
      'cycle.memory.peak_bytes': expect.stringMatching(/^\d+$/),
      'cycle.memory.peak_share': expect.stringMatching(/^0\.\d+$/),
      'cycle.eventloop.delay_max_ms': expect.stringMatching(/^\d+(\.\d{1,3})?$/),
      'cycle.eventloop.delay_mean_ms': expect.stringMatching(/^\d+(\.\d{1,3})?$/),
      'cycle.sockets.peak': expect.stringMatching(/^[1-9]\d*$/),
    })
    const steps = await stepsOf(ok)
    const sum = (kind: string) => steps.filter(({ StepKind }) => StepKind === kind).reduce((all, { ms }) => all + ms, 0)
    expect(sum('db')).toBeCloseTo(Number(root['cycle.db_ms']), 1)
    expect(sum('wait')).toBeCloseTo(Number(root['cycle.wait_ms']), 1)
  })

  test(`stores exactly the steps of a job that sends ${protocol}`, async () => {
    const { ok, partial, failed } = jobs[protocol]
    const told = async (traceId: string) =>
      (await stepsOf(traceId)).map((row) =>
        `${row.StepKind} ${row.StepName} ${row.StatusCode} ${row.WaitReason}`.trim(),
      )
    const first = await told(ok)
    expect(first.toSorted()).toEqual(
      [
        'compute two at once Unset',
        'fetch GET /page Unset',
        'fetch GET Unset',
        'fetch GET Unset',
        'fetch POST Unset',
        'cache look up Unset',
        'cache look up Unset',
        'wait too fast Unset rate_limit',
        'db SELECT prices Unset',
        'db INSERT prices Unset',
      ].toSorted(),
    )
    expect(await told(partial)).toEqual(['fetch GET Error'])
    expect(await told(failed)).toEqual(['db write Error'])
  })
}

test('shows the phases of every fetch, where its steps hang, and no secret anywhere', async () => {
  const { ok } = jobs['http/json']
  const { spans } = await waterfallOf(running, ok)
  const fetches = spans.filter(({ attributes }) => attributes['step.kind'] === 'fetch')
  expect(fetches.map(({ depth }) => depth).toSorted()).toEqual([1, 2, 2, 2])
  for (const { attributes } of fetches) {
    expect(attributes).toMatchObject({
      'cycle.name': 'prices',
      'http.request.method': expect.stringMatching(/^(GET|POST)$/),
      'http.response.status_code': expect.stringMatching(/^(200|302)$/),
      'network.connection.reused': expect.stringMatching(/^(true|false)$/),
      'http.phase.ttfb_ms': expect.stringMatching(/^\d+(\.\d+)?$/),
      'http.phase.download_ms': expect.stringMatching(/^\d+(\.\d+)?$/),
    })
    if (attributes['network.connection.reused'] === 'false') {
      expect(attributes).toHaveProperty(['http.phase.connect_ms'])
    }
  }
  expect(
    spans.find(({ attributes }) => attributes['http.request.resend_count'] !== undefined)?.attributes,
  ).toMatchObject({ 'http.request.resend_count': '1', 'http.response.status_code': '200' })

  const [stored] = await select<{ spans: number; secrets: number; resources: Record<string, string>[] }>(
    running,
    `SELECT count() AS spans, countIf(toString((SpanAttributes, ResourceAttributes, SpanName, Events.Attributes)) LIKE '%geheim%') AS secrets,
       groupUniqArray(mapFilter((k, v) -> k != 'host.name', ResourceAttributes)) AS resources
     FROM otel_traces WHERE TraceId = '${ok}'`,
  )
  expect(stored).toMatchObject({ spans: spans.length, secrets: 0 })
  expect(stored?.resources).toEqual([
    expect.objectContaining({
      'service.name': 'job',
      'service.version': '2.0.0',
      'vcs.ref.head.revision': 'ab12cd',
      'vcs.ref.head.name': 'main',
      'deployment.environment.name': 'staging',
    }),
  ])
})
