// cyclewatch demo

import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { stats } from '#analysis/stats.ts'
import { type Config, loadConfig } from '#cli/config.ts'
import { type ExitCode, GOOD } from '#cli/exit.ts'
import type { LiveState } from '#cli/live.ts'
import { lookOf, print, printJson } from '#cli/output.ts'
import { addresses, type Product, startProduct } from '#cli/product.ts'
import type { SampleOrder } from '#cli/sample.ts'
import { type GlobalOptions, type Io, stopped } from '#cli/surroundings.ts'
import { tellOn } from '#cli/told.ts'
import { lineView, screenView, type View, watch } from '#cli/watching.ts'
import { COIN_CYCLE, COIN_SERVICE, coinBounds } from '#demo/coins/definition.ts'
import { BadInput, Unavailable } from '#model/errors.ts'
import { readHistory } from '#storage/cycles.ts'

/** How much faster than the original the sample runs. */
const SCALE = 100
const PAUSE_MS = 100
const WINDOW_MS = 900_000
const REDRAW_MS = 1_000
const LINE_EVERY_MS = 5_000
const SAMPLE_STOP_MS = 4_000

/** Its job has no way to know that a certificate is the right one, and pretending would show nothing. */
const NO_TLS =
  'the demo cannot send over TLS; run it where no ingest.tls is configured, or with another file (--config)'

export function registerDemo(program: Command, io: Io): void {
  program
    .command('demo')
    .description('`up`, a sample API, and a sample job that runs cycles against it, with live percentiles')
    .action(io.action(() => run(io, program.opts<GlobalOptions>())))
}

async function run(io: Io, { config: file, json }: GlobalOptions): Promise<ExitCode> {
  const began = performance.now()
  const stop = io.stopSignal()
  const loaded = loadConfig({ cwd: io.cwd, env: io.env, file }).config
  if (loaded.ingest.tls !== null) throw new BadInput(NO_TLS)
  const { config, headers } = withToken(withSample(loaded))
  const view = json ? null : viewOn(io)
  const tell = tellOn(io)
  const product = await startProduct(config, (told) => {
    view?.clear()
    tell(told)
  })
  const sample = startSample({
    endpoint: product.ingestUrl,
    headers,
    database: join(config.data, 'demo-coins.sqlite'),
    scale: SCALE,
    pauseMs: PAUSE_MS,
  })
  if (json) printJson(io, { ...addresses(product), readyMs: performance.now() - began })
  else if (!hasScreen(io)) print(io, `API ${product.apiUrl}, ingest ${product.ingestUrl}; Ctrl-C stops all of it`)
  const over = new AbortController()
  const until = AbortSignal.any([stop, over.signal])
  try {
    const shown = view ? watch(view, (now) => observe(product, now), until, Date.now) : stopped(until)
    await Promise.race([shown, failed(sample, stop)])
  } finally {
    over.abort()
    await stopSample(sample)
    await product.stop()
  }
  return GOOD
}

function viewOn(io: Io): View {
  return hasScreen(io) ? screenView(io, lookOf(io.stdout, io.env), REDRAW_MS) : lineView(io, LINE_EVERY_MS)
}

/** A terminal without a size says 0 rows, and nothing would be drawn there. */
function hasScreen({ stdout }: Io): boolean {
  return stdout.isTTY === true && stdout.rows !== 0
}

/** The sample's cycles have buckets on its own scale, unless the user defined them. */
function withSample(config: Config): Config {
  if (config.cycles.some(({ name }) => name === COIN_CYCLE)) return config
  return { ...config, cycles: [...config.cycles, { name: COIN_CYCLE, bounds: coinBounds(SCALE) }] }
}

/** Where senders need a token, the sample gets one of its own for this run: those of the user are not its business. */
function withToken(config: Config): { config: Config; headers: Record<string, string> } {
  if (config.tokens.length === 0) return { config, headers: {} }
  const secret = randomBytes(32).toString('hex')
  const own: Config['tokens'][number] = { name: 'cyclewatch demo', secret, roles: ['ingest'], services: [COIN_SERVICE] }
  return { config: { ...config, tokens: [...config.tokens, own] }, headers: { authorization: `Bearer ${secret}` } }
}

function startSample(order: SampleOrder): ChildProcess {
  const program = fileURLToPath(import.meta.resolve('#cli/sample.ts'))
  const child = fork(program, {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  child.send(order)
  return child
}

async function failed(sample: ChildProcess, stop: AbortSignal): Promise<void> {
  let reason: string | null = null
  sample.once('message', (message) => {
    reason = String(message)
  })
  // 'exit' may come before its last message has been read.
  const [code, signal] = await once(sample, 'close')
  if (stop.aborted) return
  throw new Unavailable(`the sample job ended by itself: ${reason ?? (signal === null ? `exit code ${code}` : signal)}`)
}

/** The job finishes its cycle and sends what it has; then it is gone. */
async function stopSample(sample: ChildProcess): Promise<void> {
  if (sample.exitCode !== null || sample.signalCode !== null) return
  const gone = once(sample, 'exit')
  if (sample.connected) sample.disconnect()
  const late = setTimeout(() => sample.kill('SIGKILL'), SAMPLE_STOP_MS)
  await gone
  clearTimeout(late)
}

/** The sample's own cycles: others may run beside it. */
async function observe({ db, apiUrl, ingestUrl }: Product, now: number): Promise<LiveState> {
  const asked = { name: COIN_CYCLE, range: { from: now - WINDOW_MS, to: now }, where: {} }
  const [[series], latest] = await Promise.all([
    stats(db, { ...asked, by: null, windowMs: null, stepMs: null }),
    readHistory(db, { ...asked, buckets: [], outcomes: [], slowerThanMs: null, sort: 'newest', limit: 5, after: null }),
  ])
  return {
    now,
    windowMs: WINDOW_MS,
    scale: SCALE,
    window: series?.windows[0] ?? null,
    latest,
    apiUrl,
    ingestUrl,
  }
}
