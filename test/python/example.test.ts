// The Python example writes what our collector writes: job.py beside test/e2e/job.ts, and what Cyclewatch shows of both.

import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { WaterfallAnswer } from '#api/schemas.ts'
import { CYCLE } from '#model/attributes.ts'
import { newFolder, type Started, type StartOptions, startProgram, until } from '#test/e2e/processes.ts'
import { ask, cyclesOf, select, stop, type Up, up, waterfallOf } from '#test/e2e/running.ts'
import { startUpstream, type Upstream } from '#test/python/upstream.ts'

const EXAMPLE = resolve(import.meta.dirname, '../../collector/python')
const TWIN = fileURLToPath(import.meta.resolve('#test/e2e/job.ts'))
const PYTHON = join(inject('environment'), '.venv/bin/python')

type Span = WaterfallAnswer['spans'][number]

let upstream: Upstream
let running: Up
/** Trace ids: of the cycles of job.py by their names, and of the first cycle of our own job. */
let traces: Map<string, string>
let twin: string

beforeAll(async () => {
  upstream = await startUpstream()
  running = await up(newFolder())
  const python = await startJob([]).ended
  expect(python).toMatchObject({ code: 0, err: '' })
  traces = new Map(lines(python.out).map((line) => [line.slice(0, -33), line.slice(-32)]))
  const env = { UPSTREAM: upstream.url, OTEL_EXPORTER_OTLP_ENDPOINT: running.ingest }
  const own = await startProgram(running.folder, process.execPath, ['--disable-warning=ExperimentalWarning', TWIN], {
    env,
  }).ended
  twin = lines(own.out)[0] as string
})
afterAll(async () => {
  await stop(running)
  upstream.close()
})

function lines(text: string): string[] {
  return text.trim().split('\n')
}

/** Deprecated parts of OpenTelemetry are mistakes: the example is to be copied. */
function startJob(argv: string[], env: StartOptions['env'] = { OTEL_EXPORTER_OTLP_ENDPOINT: running.ingest }): Started {
  const places = {
    UPSTREAM: upstream.url,
    SECURE: upstream.secureUrl,
    PYTHONPATH: EXAMPLE,
    PYTHONDONTWRITEBYTECODE: '1',
  }
  const program = join(import.meta.dirname, 'job.py')
  return startProgram(running.folder, PYTHON, ['-W', 'error::DeprecationWarning', program, ...argv], {
    env: { ...places, ...env },
  })
}

function shown(name: string): Promise<WaterfallAnswer> {
  return waterfallOf(running, traces.get(name) as string)
}

/** One line a span, in the order of the waterfall, with what a reader looks at first. */
function told({ spans }: WaterfallAnswer): string[] {
  return spans.slice(1).map(({ kind, name, status, attributes }) => {
    const [code = '', resend = '', error = '', reason = ''] = [
      'http.response.status_code',
      'http.request.resend_count',
      'error.type',
      'wait.reason',
    ].map((key) => attributes[key])
    return [kind, name, code, resend && `again ${resend}`, reason, status, error].filter(Boolean).join(' ')
  })
}

/** What depends on the moment is a shape; what differs on purpose is left out, and looked at in tests of its own. */
function comparable({ spans }: WaterfallAnswer): object[] {
  const differing = /^(url\.full|network\.connection\.reused|http\.phase\.(dns|connect|tls)_ms)$/
  const measured = /(_ms|\.mean|peak_bytes)$/
  return spans
    .map(({ depth, name, kind, status, message, attributes }) => {
      const kept = Object.entries(attributes).filter(([key]) => !differing.test(key))
      const values = kept.map(([key, value]) => [key, measured.test(key) ? /^\d+(\.\d{1,3})?$/.test(value) : value])
      return { depth, name, kind, status, message, attributes: Object.fromEntries(values) }
    })
    .sort((a, b) => (place(a) < place(b) ? -1 : 1))
}

function place({ depth, name, attributes }: { depth: number; name: string; attributes: Record<string, unknown> }) {
  const sorting = ['http.request.resend_count', 'http.response.status_code', 'cache.hit'].map((key) => attributes[key])
  return JSON.stringify([depth, name, ...sorting])
}

test('shows the cycle of a Python job, span by span, as that of the same job with our collector', async () => {
  const [python, own] = await Promise.all([shown('ok'), waterfallOf(running, twin)])
  // Our collector may tell more; nothing of the example may be missing there or differ.
  expect(comparable(own)).toMatchObject(comparable(python))
  expect(python.cycle).toMatchObject({
    cycle: 'prices',
    outcome: 'ok',
    bucket: 'fast',
    service: 'job',
    version: '2.0.0',
  })
  const always = Object.values(CYCLE).filter((key) => key !== CYCLE.partialReason)
  expect(Object.keys(python.cycle.attributes).sort()).toEqual(always.sort())
})

test('adds the totals of a Python cycle up from its steps', async () => {
  const { cycle, spans } = await shown('ok')
  const sum = (kind: string) =>
    spans.filter((span) => span.kind === kind).reduce((all, { durationMs }) => all + durationMs, 0)
  const total = (key: string) => Number(cycle.attributes[key])
  expect(total('cycle.db_ms')).toBeCloseTo(sum('db'), 0)
  expect(total('cycle.wait_ms')).toBeCloseTo(sum('wait'), 0)
  expect(total('cycle.wait_ms')).toBeGreaterThanOrEqual(30)
  expect(total('cycle.memory.peak_bytes')).toBeGreaterThan(10_000_000)
})

test('counts a step of a Python cycle that contains others as they do', async () => {
  const { cycle, spans } = await shown('ok')
  const container = spans.find(({ name }) => name === 'two at once') as Span
  const inside = spans.filter(({ depth }) => depth > container.depth)
  const leaves = spans.slice(1).filter((span) => span !== container)
  const inFlight = leaves.reduce((all, { durationMs }) => all + durationMs, 0) + container.durationMs - covered(inside)
  // A page takes 50 ms: counted in addition, the container would make the difference more than that.
  const told = Number(cycle.attributes['cycle.concurrency.mean']) * Number(cycle.durationMs)
  expect(Math.abs(told - inFlight)).toBeLessThan(20)
})

/** How long at least one of them ran. */
function covered(spans: Span[]): number {
  let reached = 0
  let all = 0
  for (const { startMs, durationMs } of spans.toSorted((a, b) => a.startMs - b.startMs)) {
    all += Math.max(0, startMs + durationMs - Math.max(startMs, reached))
    reached = Math.max(reached, startMs + durationMs)
  }
  return all
}

const ENDINGS = [
  { name: 'partial', outcome: 'partial', message: '', reason: 'one page answered 500' },
  { name: 'failed', outcome: 'failed', message: 'the disk is full' },
  { name: 'timeout', outcome: 'timeout', message: 'timed out' },
  { name: 'refused', outcome: 'failed', message: expect.stringContaining('refused') },
]
test.each(ENDINGS)('ends a Python cycle as $outcome when it is $name', async ({ name, outcome, message, reason }) => {
  const { cycle, spans } = await shown(name)
  expect(cycle).toMatchObject({ outcome, message })
  expect(cycle.attributes['cycle.partial.reason']).toBe(reason)
  expect(spans[0]?.status).toBe(outcome === 'partial' ? 'Unset' : 'Error')
  const exceptions = spans[0]?.events.map((event) => event.attributes)
  expect(exceptions).toEqual(
    outcome === 'partial'
      ? []
      : [
          {
            'exception.type': expect.any(String),
            'exception.message': message,
            'exception.stacktrace': expect.stringContaining('in told'),
          },
        ],
  )
})

const ATTEMPTS = [
  {
    name: 'retried',
    steps: [
      'fetch GET /flaky 429 Error 429',
      'wait backoff backoff Unset',
      'fetch GET /flaky 503 again 1 Error 503',
      'wait backoff backoff Unset',
      'fetch GET /flaky 200 again 2 Unset',
    ],
    totals: { 'cycle.calls': '3', 'cycle.retries': '2' },
  },
  {
    name: 'given up',
    steps: ['fetch GET 500 Error 500', 'wait backoff backoff Unset', 'fetch GET 500 again 1 Error 500'],
    totals: { 'cycle.calls': '2', 'cycle.retries': '1', 'cycle.bytes.received': '12' },
  },
  {
    name: 'not repeated',
    steps: ['fetch POST 500 Error 500'],
    totals: { 'cycle.calls': '1', 'cycle.retries': '0', 'cycle.bytes.sent': '4' },
  },
  { name: 'refused', steps: ['fetch GET Error ConnectError'], totals: { 'cycle.calls': '1', 'cycle.bytes.sent': '0' } },
  {
    name: 'cut off',
    steps: ['fetch GET 200 Error RemoteProtocolError'],
    totals: { 'cycle.calls': '1', 'cycle.bytes.received': '11' },
  },
  {
    name: 'in circles',
    steps: Array.from({ length: 11 }, (_, hop) => `fetch GET 302 ${hop > 0 ? `again ${hop} ` : ''}Unset`),
    totals: { 'cycle.calls': '11', 'cycle.retries': '0' },
  },
]
test.each(ATTEMPTS)(
  'has one step for each attempt of a Python fetch that is $name',
  async ({ name, steps, totals }) => {
    const waterfall = await shown(name)
    expect(told(waterfall)).toEqual(steps)
    expect(waterfall.cycle.attributes).toMatchObject(totals)
  },
)

test('waits in Python as long as the server asks for', async () => {
  const { cycle, spans } = await shown('retried')
  expect(spans[2]?.durationMs).toBeGreaterThanOrEqual(1_000)
  expect(Number(cycle.attributes['cycle.wait_ms'])).toBeGreaterThanOrEqual(1_000)
})

test.each(['ok', 'retried', 'timeout', 'refused', 'cut off', 'secure'])(
  'splits the time of every attempt of the Python cycle "%s" into its phases',
  async (name) => {
    const { spans } = await shown(name)
    const fetches = spans.filter(({ kind }) => kind === 'fetch')
    expect(fetches).not.toEqual([])
    for (const { attributes, durationMs } of fetches) {
      const phases = Object.keys(attributes).filter((key) => key.startsWith('http.phase.'))
      const sum = phases.reduce((all, key) => all + Number(attributes[key]), 0)
      // The span also holds what the job does just before and after.
      expect(Math.abs(durationMs - sum)).toBeLessThan(5 + durationMs / 5)
      const expected = ['queue']
      if (attributes['network.connection.reused'] !== 'true') expected.push('connect')
      if (attributes['network.connection.reused'] === 'false' && name === 'secure') expected.push('tls')
      if (attributes['network.connection.reused'] !== undefined) expected.push('ttfb')
      if (attributes['http.response.status_code'] !== undefined) expected.push('download')
      expect(phases.sort()).toEqual(expected.map((phase) => `http.phase.${phase}_ms`).sort())
    }
  },
)

test('tells sizes on the wire from decoded ones, and a connection opened from one kept alive, in Python', async () => {
  const { cycle, spans } = await shown('secure')
  const [first, second] = spans.slice(1).map(({ attributes }) => attributes)
  expect(first).toMatchObject({ 'network.connection.reused': 'false', 'http.response.decoded_body.size': '1000' })
  expect(second).toMatchObject({ 'network.connection.reused': 'true', 'http.response.decoded_body.size': '1000' })
  const onTheWire = Number(first?.['http.response.body.size'])
  expect(onTheWire).toBeLessThan(200)
  expect(cycle.attributes['cycle.bytes.received']).toBe(String(2 * onTheWire))
})

test('makes a Python cycle a new root with a link, and hangs steps below their own cycle', async () => {
  const [linked] = await select<{ parent: string; links: number }>(
    running,
    `SELECT ParentSpanId AS parent, length(Links.TraceId) AS links FROM otel_traces WHERE TraceId = '${traces.get('linked')}'`,
  )
  expect(linked).toEqual({ parent: '', links: 1 })
  expect(told(await shown('outer'))).toEqual(['compute of the outer Unset'])
  expect(told(await shown('inner'))).toEqual(['compute of the inner Unset'])
})

test('lets no secret out of a Python job', async () => {
  const [found] = await select<{ spans: number; secrets: number; hidden: number }>(
    running,
    `SELECT count() AS spans, countIf(text LIKE '%geheim%') AS secrets, countIf(text LIKE '%REDACTED%') AS hidden
     FROM (SELECT toString((SpanAttributes, StatusMessage, Events.Attributes)) AS text FROM otel_traces
           WHERE TraceId IN (${[...traces.values()].map((id) => `'${id}'`).join()}))`,
  )
  expect(found).toMatchObject({ secrets: 0 })
  expect(found?.hidden).toBeGreaterThanOrEqual(4)
})

test('shows Python cycles on the command line', async () => {
  const stats = JSON.parse((await ask(running, ['stats', 'prices', '--json'])).out)
  const [{ windows }] = stats.items
  expect(windows[0].outcomes).toMatchObject({ partial: { count: 2 }, timeout: { count: 1 } })
  const cycles = await ask(running, ['cycles', 'prices', '--outcome', 'timeout'])
  expect(cycles).toMatchObject({ code: 0, out: expect.stringContaining(traces.get('timeout') as string) })
  const one = await ask(running, ['cycle', traces.get('retried') as string])
  expect(one).toMatchObject({
    code: 0,
    out: expect.stringMatching(/calls 3, retries 2[\s\S]+GET \/flaky .* fetch 429/),
  })
})

test('knows a Python cycle as running from its start', async () => {
  const job = startJob(['forever'])
  const running_ = await until(
    async () => (await cyclesOf(running, '&outcome=running')).find(({ cycle }) => cycle === 'slow prices'),
    () => `a running cycle of ${job.out()} ${job.err()}`,
  )
  job.kill('SIGKILL')
  await job.ended
  expect(running_).toMatchObject({ outcome: 'running', service: 'job', version: '2.0.0', bucket: null })
  expect(job.out()).toBe(`forever ${running_.traceId}\n`)
})

test('runs a Python job to its end when nothing listens', async () => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_EXPORTER_OTLP_TIMEOUT: '1' }
  const job = await startJob([], env).ended
  expect(job.code).toBe(0)
  expect(lines(job.out)).toHaveLength(traces.size)
})
