// Jobs of their own process that forget close(): what is written when they end, however they end.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { startReceiver } from '#test/collector/receiver.ts'

const BATCHER = import.meta.resolve('#collector/writing/batcher.ts')
const COLLECTOR = import.meta.resolve('#collector/collector.ts')
/** Far below everyMs of the jobs, which must not decide when they end. */
const PROMPT_MS = 9_000

let child: ChildProcess | undefined
afterEach(() => {
  child?.kill('SIGKILL')
})

/** `say` prints at once; rows that are written or given up are printed; a write takes `WRITE_MS`. */
function job(code: string, options = ''): ChildProcess {
  const script = `
    import { writeSync } from 'node:fs'
    import { setTimeout as sleep } from 'node:timers/promises'
    import { batcher } from ${JSON.stringify(BATCHER)}
    const say = (text) => writeSync(1, text + '\\n')
    let WRITE_MS = 20
    const rows = batcher({
      size: 100, everyMs: 600_000, tries: 2, pauseMs: 1,
      async write(given) { await sleep(WRITE_MS); say('written ' + given) },
      ${options}
    })
    ${code}`
  child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'pipe'] })
  return child
}

type End = { code: number | null; signal: NodeJS.Signals | null; output: string; errors: string }

async function ended(process: ChildProcess): Promise<End> {
  const said = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    process[stream]?.on('data', (chunk) => {
      said[stream] += chunk
    })
  }
  const [code, signal] = (await once(process, 'close')) as [number | null, NodeJS.Signals | null]
  return { code, signal, output: said.stdout, errors: said.stderr }
}

async function ready(process: ChildProcess): Promise<void> {
  await new Promise((resolve) => process.stdout?.once('data', resolve))
}

const TELLS = `onGiveUp: (given, error) => say('given up ' + given + ': ' + error.message),`
const FAILS = `write() { throw new Error('disk full') },`

test('writes what is held when the job has nothing left to do, without waiting for company', async () => {
  const startedAt = performance.now()
  const end = await ended(job('await rows.addAll([1, 2]); say("done")'))
  expect(end).toEqual({ code: 0, signal: null, output: 'done\nwritten 1,2\n', errors: '' })
  expect(performance.now() - startedAt).toBeLessThan(PROMPT_MS)
})

test('writes what is held while the job awaits it at its top level', async () => {
  expect(await ended(job('await rows.save(1); say("saved")'))).toMatchObject({ code: 0, output: 'written 1\nsaved\n' })
})

test('retries at the end as at any other time', async () => {
  const once =
    'async write(given) { if (!globalThis.failed) { failed = true; throw new Error("busy") } say("written " + given) },'
  expect(await ended(job('globalThis.failed = false; await rows.add(1)', once))).toMatchObject({
    code: 0,
    output: 'written 1\n',
  })
})

test('ends with an error when rows are lost at the end and nobody was told', async () => {
  const end = await ended(job('await rows.addAll([1, 2])', FAILS))
  expect(end).toMatchObject({ code: 1, errors: expect.stringContaining('2 rows were given up: disk full') })
})

test('ends well when rows are lost at the end and onGiveUp was told', async () => {
  const end = await ended(job('await rows.addAll([1, 2])', FAILS + TELLS))
  expect(end).toEqual({ code: 0, signal: null, output: 'given up 1,2: disk full\n', errors: '' })
})

test('hands what is held to onGiveUp when the job calls process.exit', async () => {
  const end = await ended(job('await rows.addAll([1, 2]); process.exit(3)', TELLS))
  expect(end).toMatchObject({ code: 3, output: 'given up 1,2: the process exits before the rows were written\n' })
})

test('hands what is held to onGiveUp when an error nobody caught ends the process', async () => {
  const end = await ended(job('await rows.addAll([1, 2]); throw new Error("broken")', TELLS))
  expect(end).toMatchObject({
    code: 1,
    output: expect.stringMatching('given up 1,2'),
    errors: expect.stringMatching('broken'),
  })
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`writes what is held and dies of ${signal} as it would have`, async () => {
    const process = job('await rows.addAll([1, 2]); say("ready"); await sleep(600_000)')
    const end = ended(process)
    await ready(process)
    process.kill(signal)
    expect(await end).toEqual({ code: null, signal, output: 'ready\nwritten 1,2\n', errors: '' })
  })
}

test('dies of a signal after 5 s although the write hangs, and of a second one at once', async () => {
  const process = job('WRITE_MS = 600_000; await rows.add(1); say("ready"); await sleep(600_000)', TELLS)
  const end = ended(process)
  await ready(process)
  process.kill('SIGTERM')
  const killedAt = performance.now()
  expect(await end).toMatchObject({ signal: 'SIGTERM', output: expect.stringContaining('given up 1: SIGTERM ends') })
  expect(performance.now() - killedAt).toBeGreaterThan(4_500)

  const other = job('WRITE_MS = 600_000; await rows.add(1); say("ready"); await sleep(600_000)', TELLS)
  const otherEnd = ended(other)
  await ready(other)
  other.kill('SIGINT')
  setTimeout(() => other.kill('SIGINT'), 300)
  const askedAt = performance.now()
  expect(await otherEnd).toMatchObject({ signal: 'SIGINT', output: expect.stringContaining('given up 1') })
  expect(performance.now() - askedAt).toBeLessThan(4_500)
})

test('leaves a signal to the job when it listens itself, and flushes meanwhile', async () => {
  const process = job(`
    process.on('SIGTERM', async () => { await sleep(200); say('bye'); clearInterval(timer) })
    const timer = setInterval(() => {}, 1_000)
    await rows.add(1)
    say('ready')`)
  const end = ended(process)
  await ready(process)
  process.kill('SIGTERM')
  expect(await end).toMatchObject({ code: 0, signal: null, output: 'ready\nwritten 1\nbye\n' })
})

test('dies of a signal that another package only passes on, as signal-exit does', async () => {
  const process = job(`
    process[Symbol.for('signal-exit emitter')] = { count: 1 }
    process.on('SIGTERM', function pass() {
      if (process.listenerCount('SIGTERM') > 1) return
      process.removeListener('SIGTERM', pass)
      process.kill(process.pid, 'SIGTERM')
    })
    await rows.add(1)
    say('ready')
    await sleep(600_000)`)
  const end = ended(process)
  await ready(process)
  process.kill('SIGTERM')
  expect(await end).toMatchObject({ signal: 'SIGTERM', output: 'ready\nwritten 1\n' })
})

const TOLD = (url: string, end: string, writeMs: number) => `
  const { cycle, startTelemetry } = await import(${JSON.stringify(COLLECTOR)})
  WRITE_MS = ${writeMs}
  startTelemetry({ service: 'job', endpoint: ${JSON.stringify(url)} })
  await cycle('coins', () => rows.add(1))
  say('ready')
  ${end}`

test('tells the write at the end of the process as well', async () => {
  const receiver = await startReceiver()
  expect(await ended(job(TOLD(receiver.url, '', 20)))).toMatchObject({
    code: 0,
    output: 'ready\nwritten 1\n',
    errors: '',
  })
  expect(receiver.spans.map(({ name }) => name).sort()).toEqual(['coins', 'write'])
  await receiver.close()
})

for (const writeMs of [1, 700]) {
  test(`writes and dies of SIGTERM beside telemetry when a write takes ${writeMs} ms`, async () => {
    const receiver = await startReceiver()
    const process = job(TOLD(receiver.url, 'await sleep(600_000)', writeMs))
    const end = ended(process)
    await ready(process)
    process.kill('SIGTERM')
    expect(await end).toMatchObject({ signal: 'SIGTERM', output: 'ready\nwritten 1\n', errors: '' })
    expect(receiver.named('coins')).toHaveLength(1)
    await receiver.close()
  })
}

test('leaves the end to telemetry while that still sends', async () => {
  const receiver = await startReceiver((_, response) => void setTimeout(() => response.end('{}'), 500))
  const end = "await sleep(100); await cycle('later', () => {}); say('go'); await sleep(600_000)"
  const process = job(TOLD(receiver.url, end, 1))
  const ending = ended(process)
  await new Promise<void>((resolve) => {
    process.stdout?.on('data', (chunk) => String(chunk).includes('go') && resolve())
  })
  process.kill('SIGTERM')
  expect(await ending).toMatchObject({ signal: 'SIGTERM', output: 'ready\ngo\nwritten 1\n', errors: '' })
  expect(receiver.named('later')).toHaveLength(1)
  await receiver.close()
})
