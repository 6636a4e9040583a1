import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { deadUrl, isOfSpans, type Receiver, serve, startReceiver } from '#test/collector/receiver.ts'

const COLLECTOR = import.meta.resolve('#collector/collector.ts')
/** Far above what any of this takes, far below the timeouts that must not decide it (10 s and more). */
const PROMPT_MS = 7_000

let receiver: Receiver
let child: ChildProcess | undefined

beforeEach(async () => {
  receiver = await startReceiver()
})
afterEach(async () => {
  child?.kill('SIGKILL')
  await receiver.close()
})

/** A job of its own process, with telemetry started; `say(text)` prints. */
function job(code: string, endpoint = receiver.url): ChildProcess {
  const script = `
    import { cycle, startTelemetry } from ${JSON.stringify(COLLECTOR)}
    import { setTimeout as sleep } from 'node:timers/promises'
    const say = (text) => process.stdout.write(text + '\\n')
    const telemetry = startTelemetry({ service: 'job', endpoint: ${JSON.stringify(endpoint)} })
    ${code}`
  child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'pipe'] })
  return child
}

type End = { code: number | null; signal: NodeJS.Signals | null; output: string; errors: string; tookMs: number }

async function ended(process: ChildProcess): Promise<End> {
  const said: Record<'stdout' | 'stderr', string> = { stdout: '', stderr: '' }
  let saidAt = performance.now()
  for (const stream of ['stdout', 'stderr'] as const) {
    process[stream]?.on('data', (chunk) => {
      said[stream] += chunk
      saidAt = performance.now()
    })
  }
  const [code, signal] = (await once(process, 'close')) as [number | null, NodeJS.Signals | null]
  return { code, signal, output: said.stdout, errors: said.stderr, tookMs: performance.now() - saidAt }
}

async function said(process: ChildProcess, text: string): Promise<void> {
  for await (const chunk of process.stdout as AsyncIterable<Buffer>) if (String(chunk).includes(text)) return
}

test('ends by itself with everything delivered', async () => {
  const upstream = await serve((_, response) => response.end('x'))
  const end = await ended(job(`await cycle('coins', (run) => run.fetch('${upstream.url}')); say('done')`))
  expect(end).toMatchObject({ code: 0, output: 'done\n', errors: '' })
  expect(end.tookMs).toBeLessThan(PROMPT_MS)
  expect(receiver.spans.map((span) => span.name)).toEqual(['GET', 'coins'])
  await upstream.close()
})

test('delivers when the job calls process.exit', async () => {
  const end = await ended(
    job(`await cycle('coins', (run) => run.step('part', 'db', () => {})); say('done'); process.exit(3)`),
  )
  expect(end).toMatchObject({ code: 3, output: 'done\n', errors: '' })
  expect(new Set(receiver.spans.map((span) => span.name))).toEqual(new Set(['part', 'coins']))
})

test('delivers the start of a cycle and its metrics when the job calls process.exit in it', async () => {
  const end = await ended(
    job(
      `await cycle('ended', () => {}); await cycle('coins', () => { process.stdout.write('in it\\n'); process.exit(0) })`,
    ),
  )
  expect(end).toMatchObject({ code: 0, output: 'in it\n', errors: '' })
  expect(receiver.records.map(({ event, attributes }) => `${event} ${attributes['cycle.name']}`)).toContain(
    'cycle.started coins',
  )
  const valuesOf = (name: string) => receiver.metrics.filter((metric) => metric.name === name).at(-1)?.points
  expect(valuesOf('cycle.active')).toMatchObject([{ asDouble: 0 }, { asDouble: 1 }])
  expect(valuesOf('cycle.duration')).toMatchObject([{ count: 1, attributes: { 'cycle.name': 'ended' } }])
})

test('delivers metrics once when it ends by itself', async () => {
  const end = await ended(job(`await cycle('coins', () => {})`))
  expect(end).toMatchObject({ code: 0, errors: '' })
  const durations = receiver.metrics.filter(({ name }) => name === 'cycle.duration')
  expect(durations).toMatchObject([{ points: [{ count: 1 }] }])
})

test('sends no metrics at the end of a process that ran no cycle', async () => {
  expect(await ended(job(''))).toMatchObject({ code: 0, errors: '' })
  expect(receiver.otherRequests).toEqual([])
})

test('has said that a cycle runs before it is killed', async () => {
  const process = job(`await cycle('coins', async (run) => { say(run.traceId); await sleep(60_000) })`)
  const end = ended(process)
  await new Promise((resolve) => process.stdout?.once('data', resolve))
  setTimeout(() => process.kill('SIGKILL'), 1_000)
  const { output } = await end
  expect(receiver.records).toMatchObject([{ event: 'cycle.started', traceId: output.trim() }])
  expect(receiver.spans).toEqual([])
})

test('delivers what goes elsewhere when one address is dead and the job calls process.exit', async () => {
  const logs = `process.env.OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`
  const dead = await deadUrl()
  const end = await ended(
    job(`await telemetry.shutdown()
      ${logs} = '${dead}'
      process.env.OTEL_EXPORTER_OTLP_ENDPOINT = '${receiver.url}'
      startTelemetry({ service: 'job' })
      await cycle('coins', () => {})
      process.exit(0)`),
  )
  expect(end).toMatchObject({ code: 0, errors: '' })
  expect(receiver.named('coins')).toHaveLength(1)
  expect(receiver.metrics.map(({ name }) => name)).toContain('cycle.duration')
})

test('delivers the cycle whose error ends the process', async () => {
  const end = await ended(job(`await cycle('coins', () => { throw new Error('broken') })`))
  expect(end).toMatchObject({ code: 1, errors: expect.stringMatching('broken') })
  expect(receiver.spans[0]?.attributes['cycle.outcome']).toBe('failed')
})

test('repeats what is on the way as it was, and then sends the rest, when the job calls process.exit', async () => {
  const arrived = Promise.withResolvers<void>()
  const slow = await startReceiver((request, response) => {
    if (slow.requests.length > 1 || !isOfSpans(request)) response.end('{}')
    else arrived.resolve()
  })
  const upstream = await serve((_, response) => void arrived.promise.then(() => response.end('x')))
  const process = job(
    `await cycle('coins', async (run) => { for (let n = 0; n < 600; n += 1) await run.step('part', 'db', () => {}) })
    await fetch('${upstream.url}')
    process.exit(0)`,
    slow.url,
  )
  expect(await ended(process)).toMatchObject({ code: 0, errors: '' })
  const [first, again, rest] = slow.requests.map((request) => request.body)
  expect(again === first).toBe(true)
  expect(rest).toContain('"coins"')
  expect(new Set(slow.spans.map((span) => span.spanId)).size).toBe(601)
  expect(slow.requests).toHaveLength(3)
  await Promise.all([slow.close(), upstream.close()])
})

test('exits soon when the job calls process.exit and ingest never answers', async () => {
  const silent = await startReceiver(() => {})
  const end = await ended(job(`await cycle('coins', () => {}); say('done'); process.exit(0)`, silent.url))
  expect(end).toMatchObject({ code: 0, errors: '' })
  expect(end.tookMs).toBeLessThan(PROMPT_MS)
  await silent.close()
})

const downs: [what: string, listener: RequestListener | null][] = [
  ['nothing listens', null],
  ['ingest never answers', () => {}],
  ['ingest answers 503', (_, response) => response.writeHead(503).end()],
]

for (const [what, listener] of downs) {
  test(`ends by itself and prints nothing when ${what}`, async () => {
    const down = listener ? await startReceiver(listener) : undefined
    const end = await ended(job(`await cycle('coins', () => {}); say('done')`, down?.url ?? (await deadUrl())))
    expect(end).toMatchObject({ code: 0, signal: null, output: 'done\n', errors: '' })
    expect(end.tookMs).toBeLessThan(PROMPT_MS)
    await down?.close()
  })
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`delivers and dies of ${signal} as it would have`, async () => {
    const process = job(`
      const run = await cycle('coins', (run) => run)
      await run.step('afterwards', 'compute', () => {})
      say('ready')
      await sleep(60_000)`)
    await said(process, 'ready')
    process.kill(signal)
    expect(await ended(process)).toMatchObject({ code: null, signal })
    expect(receiver.spans.map((span) => span.name)).toContain('afterwards')
  })
}

test('dies of SIGTERM soon when ingest never answers', async () => {
  const silent = await startReceiver(() => {})
  const process = job(`await cycle('coins', () => {}); say('ready'); await sleep(60_000)`, silent.url)
  await said(process, 'ready')
  const killedAt = performance.now()
  process.kill('SIGTERM')
  expect(await ended(process)).toMatchObject({ signal: 'SIGTERM' })
  expect(performance.now() - killedAt).toBeLessThan(PROMPT_MS)
  await silent.close()
})

const handlers: [what: string, listener: string][] = [
  ['of its own', "process.on('SIGTERM', bye)"],
  ['of its own for once', "process.once('SIGTERM', bye)"],
]

for (const [what, listener] of handlers) {
  test(`leaves a signal to the job when it has a handler ${what}`, async () => {
    const process = job(`
      const bye = async () => { await sleep(100); say('bye'); clearInterval(timer); }
      const timer = setInterval(() => {}, 1_000)
      ${listener}
      await cycle('coins', () => {})
      say('ready')`)
    const end = ended(process)
    await new Promise((resolve) => process.stdout?.once('data', resolve))
    process.kill('SIGTERM')
    expect(await end).toMatchObject({ code: 0, signal: null, output: 'ready\nbye\n' })
    expect(receiver.named('coins')).toHaveLength(1)
  })
}

test('dies at once of a second signal', async () => {
  const silent = await startReceiver(() => {})
  const process = job(`await cycle('coins', () => {}); say('ready'); await sleep(60_000)`, silent.url)
  const end = ended(process)
  await new Promise((resolve) => process.stdout?.once('data', resolve))
  process.kill('SIGINT')
  setTimeout(() => process.kill('SIGINT'), 200)
  expect(await end).toMatchObject({ code: null, signal: 'SIGINT' })
  await silent.close()
})

test('dies of a signal that another package only passes on, as signal-exit does', async () => {
  const process = job(`
    process[Symbol.for('signal-exit emitter')] = { count: 1 }
    process.on('SIGTERM', function pass() {
      if (process.listenerCount('SIGTERM') > 1) return
      process.removeListener('SIGTERM', pass)
      say('passed on')
      process.kill(process.pid, 'SIGTERM')
    })
    await cycle('coins', () => {})
    say('ready')
    await sleep(60_000)`)
  const end = ended(process)
  await new Promise((resolve) => process.stdout?.once('data', resolve))
  process.kill('SIGTERM')
  expect(await end).toMatchObject({ signal: 'SIGTERM', output: 'ready\npassed on\n' })
  expect(receiver.named('coins')).toHaveLength(1)
})

test('shuts down within its bound and lets the process end', async () => {
  const silent = await startReceiver(() => {})
  const end = await ended(job(`await cycle('coins', () => {}); await telemetry.shutdown(); say('done')`, silent.url))
  expect(end).toMatchObject({ code: 0, output: 'done\n', errors: '' })
  await silent.close()
})
