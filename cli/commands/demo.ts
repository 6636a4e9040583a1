// cyclewatch demo

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { createLogUpdate } from 'log-update'
import { history } from '#analysis/history.ts'
import { stats } from '#analysis/stats.ts'
import { type Config, loadConfig } from '#cli/config.ts'
import { type ExitCode, GOOD } from '#cli/exit.ts'
import { type LiveState, renderLine, renderLive } from '#cli/live.ts'
import { lookOf, print } from '#cli/output.ts'
import { type Product, startProduct } from '#cli/product.ts'
import type { SampleOrder } from '#cli/sample.ts'
import type { GlobalOptions, Io } from '#cli/surroundings.ts'
import { tellOn } from '#cli/told.ts'
import { COIN_CYCLE, coinBounds } from '#demo/coins/definition.ts'
import { Unavailable } from '#model/errors.ts'

/** How much faster than the original the sample runs. */
const SCALE = 100
const PAUSE_MS = 100
const WINDOW_MS = 900_000
const REDRAW_MS = 1_000
const LINE_EVERY_MS = 5_000
const SAMPLE_STOP_MS = 4_000

export function registerDemo(program: Command, io: Io): void {
  program
    .command('demo')
    .description('`up`, a sample API, and a sample job that runs cycles against it, with live percentiles')
    .action(io.action(() => run(io, program.opts<GlobalOptions>())))
}

async function run(io: Io, { config: file }: GlobalOptions): Promise<ExitCode> {
  const stop = io.stopSignal()
  const config = withSample(loadConfig({ cwd: io.cwd, env: io.env, file }).config)
  const product = await startProduct(config, tellOn(io))
  const sample = startSample({
    endpoint: product.ingestUrl,
    database: join(config.data, 'demo-coins.sqlite'),
    scale: SCALE,
    pauseMs: PAUSE_MS,
  })
  try {
    await Promise.race([show(io, product, stop), failed(sample, stop)])
  } finally {
    await stopSample(sample)
    await product.stop()
  }
  return GOOD
}

/** The sample's cycles have buckets on its own scale, unless the user defined them. */
function withSample(config: Config): Config {
  if (config.cycles.some(({ name }) => name === COIN_CYCLE)) return config
  return { ...config, cycles: [...config.cycles, { name: COIN_CYCLE, bounds: coinBounds(SCALE) }] }
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
  const [code] = await once(sample, 'exit')
  if (!stop.aborted) throw new Unavailable(`the sample job ended by itself (exit code ${code})`)
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

/** Redraws on a terminal; elsewhere a line now and then. */
async function show(io: Io, product: Product, stop: AbortSignal): Promise<void> {
  const look = lookOf(io.stdout, io.env)
  const live = look.width === null ? null : createLogUpdate(io.stdout)
  if (live === null) print(io, `API ${product.apiUrl}, ingest ${product.ingestUrl}; Ctrl-C stops all of it`)
  while (!stop.aborted) {
    const state = await observe(product)
    if (live) live(renderLive(state, look))
    else print(io, renderLine(state))
    await delay(live ? REDRAW_MS : LINE_EVERY_MS, undefined, { signal: stop }).catch(() => {})
  }
  live?.done()
}

async function observe({ db, apiUrl, ingestUrl }: Product): Promise<LiveState> {
  const now = Date.now()
  const range = { from: now - WINDOW_MS, to: now }
  const common = { name: COIN_CYCLE, range, where: {} }
  const never = { by: null, windowMs: null, stepMs: null }
  const [series] = await stats(db, { ...common, ...never, name: null })
  const { cycles } = await history(db, {
    ...{ ...common, name: null },
    ...{ buckets: [], outcomes: [], slowerThanMs: null, sort: 'newest', limit: 5, after: null },
  })
  return {
    now,
    windowMs: WINDOW_MS,
    scale: SCALE,
    window: series?.windows[0] ?? null,
    latest: cycles,
    apiUrl,
    ingestUrl,
  }
}
