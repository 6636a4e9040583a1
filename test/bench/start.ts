// What a user meets first: how long `./cyclewatch up` takes, what it occupies at rest, and how fast `stats` answers.
// node test/bench/start.ts [--short] [--cycles N] [--json FILE]

import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { quantile } from 'simple-statistics'
import { type ColdLibrary, coldLibrary } from '#test/bench/cold.ts'
import { storeHistory } from '#test/bench/history.ts'
import { type Answers, askAll, type Often } from '#test/bench/questions.ts'
import { type Figure, type Row, row } from '#test/bench/report.ts'
import { runBenchmark, say } from '#test/bench/run.ts'
import type { Times } from '#test/bench/times.ts'
import { configure, type Memory, memoryOf, processorTimeOf, type Up, up } from '#test/bench/up.ts'

const READY_BAR_S = 2
const OWN_BAR_MB = 150
const ENGINE_BAR_MB = 500
const ONE_NAME_BAR_MS = 100
const ALL_NAMES_BAR_MS = 300

/** With fewer, single cycles that leave the 30 days while being asked for would weigh. */
const LEAST_CYCLES = 2_000

type Effort = Often & { cycles: number; starts: number; coldStarts: number; restMs: number }

const FULL: Effort = {
  ...{ cycles: 1_000_000, starts: 7, coldStarts: 3, restMs: 10_000 },
  ...{ runs: 15, warmUps: 3, commands: 5 },
}
const SHORT: Effort = {
  ...{ cycles: 50_000, starts: 1, coldStarts: 1, restMs: 2_000 },
  ...{ runs: 5, warmUps: 1, commands: 1 },
}

/** `folder` gives a new one for every start, `signal` ends all of it. */
type Bench = { root: string; folder(): string; signal: AbortSignal }

/** Works in a new folder among the temporary files; what it made is gone afterwards, however it ends. */
export async function measureStart(effort: Effort, signal: AbortSignal): Promise<Row[]> {
  using cleaning = new DisposableStack()
  const root = mkdtempSync(join(tmpdir(), 'cyclewatch-bench-'))
  cleaning.defer(() => rmSync(root, { recursive: true, force: true }))
  let made = 0
  const folder = () => configure(join(root, String(++made)))
  const bench: Bench = { root, folder, signal }

  const ready = await measureReady(bench, effort)
  const home = folder()
  const work = await measureWork(bench, home, effort)
  say('starting on the cycles stored')
  const later: Start[] = []
  while (later.length < effort.starts) later.push(await startOnce(bench, home))
  const beside = [...medianOf('on the cycles stored', later, 'ready'), ...ready.beside]
  return [row('start: from up to ready', ready.value, 's', READY_BAR_S, 'lower', beside), ...work]
}

/** Seconds: all of a start, the part after Node and the imports, and the processor time of both processes. */
type Start = { ready: number; own: number; processor: number | null }

/** Warm and cold starts take turns, so that other work on the machine meets both. */
async function measureReady(bench: Bench, effort: Effort): Promise<{ value: number; beside: Figure[] }> {
  say(`starting on new data: once to warm up, then ${effort.starts} times`)
  await startOnce(bench, bench.folder())
  const library = await coldLibrary(bench.root).catch((error: Error) => error)
  if (library instanceof Error) without('the cold start', library.message)
  const warm: Start[] = []
  const cold: Start[] = []
  while (warm.length < effort.starts) {
    warm.push(await startOnce(bench, bench.folder()))
    if (!(library instanceof Error) && cold.length < effort.coldStarts) cold.push(...(await startCold(bench, library)))
  }
  const all = warm.map(({ ready }) => ready)
  const beside = [
    ...medianOf('with the library not in the page cache', cold, 'ready'),
    ...medianOf('without node and imports', warm, 'own'),
    ...medianOf('processor time', warm, 'processor'),
    { name: 'fastest', value: Math.min(...all) },
    { name: 'slowest', value: Math.max(...all) },
    load(),
  ]
  return { value: median(all), beside }
}

/** None when the library cannot be brought out of the page cache, which is said. */
async function startCold(bench: Bench, library: ColdLibrary): Promise<Start[]> {
  const left = await library.evict()
  if (left > 0.01) return without('a cold start', `${(left * 100).toFixed(1)} % of the library stays in memory`)
  return [await startOnce(bench, bench.folder(), { CHDB_LIBCHDB_PATH: library.path })]
}

async function startOnce({ signal }: Bench, folder: string, env?: Record<string, string>): Promise<Start> {
  await using product = await up(folder, signal, env)
  const [own, engine] = [processorTimeOf(product.pids.own), processorTimeOf(product.pids.engine)]
  const processor = own === null || engine === null ? null : own + engine
  return { ready: product.readyMs / 1_000, own: product.ownMs / 1_000, processor }
}

/** One product from its rest after the start to the last question. */
async function measureWork({ signal }: Bench, folder: string, effort: Effort): Promise<Row[]> {
  await using product = await up(folder, signal)
  say(`resting ${effort.restMs / 1_000} s`)
  await delay(effort.restMs, undefined, { signal })
  const atRest = memories(product)
  const restLoad = load()
  say(`storing ${effort.cycles} cycles`)
  const began = performance.now()
  const history = await storeHistory(product.clickhouse, effort.cycles, Date.now() - 1_000, signal)
  say(`asking, after ${((performance.now() - began) / 1_000).toFixed(1)} s of storing and merging`)
  const askLoad = load()
  const answers = await askAll({ product, folder, history, cycles: effort.cycles, signal }, effort)
  const after = memories(product)
  const setting = [{ name: 'cycles', value: effort.cycles }, { name: 'parts', value: history.parts }, askLoad]
  return [
    ...memoryRow('start: cyclewatch at rest', OWN_BAR_MB, atRest.own, after.own, restLoad),
    ...memoryRow('start: its engine at rest', ENGINE_BAR_MB, atRest.engine, after.engine, restLoad),
    ...answerRows(answers, setting),
  ]
}

function memories({ pids }: Up): { own: Memory | null; engine: Memory | null } {
  return { own: memoryOf(pids.own), engine: memoryOf(pids.engine) }
}

function memoryRow(name: string, bar: number, rest: Memory | null, after: Memory | null, now: Figure): Row[] {
  if (!rest || !after) return without(name, 'this system does not tell what a process occupies')
  const beside = [
    { name: 'of it not pages of files', value: rest.anonymous },
    { name: 'after the questions', value: after.resident },
    { name: 'at most', value: after.peak },
    now,
  ]
  return [row(name, rest.resident, 'MB', bar, 'lower', beside)]
}

function answerRows(answers: Answers, setting: Figure[]): Row[] {
  const { ofOne, ofAll, commandOfOne, commandOfAll, rolling, list, cycle } = answers
  const others = (figures: Record<string, Times>): Figure[] =>
    Object.entries(figures).map(([name, { median }]) => ({ name, value: median }))
  const spread = ({ p90, min }: Times): Figure[] => [
    { name: 'p90', value: p90 },
    { name: 'fastest', value: min },
  ]
  const asked = others({
    'as a command': commandOfOne,
    'rolling 24h by 1h': rolling,
    '/api/cycles': list,
    'one cycle': cycle,
  })
  return [
    row('start: stats of one name over 30 days', ofOne.median, 'ms', ONE_NAME_BAR_MS, 'lower', [
      ...spread(ofOne),
      ...asked,
      ...setting,
    ]),
    row('start: stats of all names over 30 days', ofAll.median, 'ms', ALL_NAMES_BAR_MS, 'lower', [
      ...spread(ofAll),
      ...others({ 'as a command': commandOfAll }),
      ...setting,
    ]),
  ]
}

/** No figure where one is missing. */
function medianOf(name: string, all: Start[], part: keyof Start): Figure[] {
  const values = all.map((start) => start[part]).filter((value) => value !== null)
  return values.length > 0 && values.length === all.length ? [{ name, value: median(values) }] : []
}

function median(values: number[]): number {
  return quantile(values, 0.5)
}

function load(): Figure {
  return { name: 'load average', value: loadavg()[0] ?? Number.NaN }
}

/** A figure that cannot be had is left out, never guessed. */
function without(figure: string, reason: string): [] {
  say(`left out: ${figure} (${reason})`)
  return []
}

/** A text is what is wrong with the options. */
function effortOf(argv: readonly string[]): Effort | string {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { short: { type: 'boolean' }, cycles: { type: 'string' }, json: { type: 'string' } },
    })
    const effort = values.short ? SHORT : FULL
    const cycles = values.cycles === undefined ? effort.cycles : Number(values.cycles)
    if (Number.isSafeInteger(cycles) && cycles >= LEAST_CYCLES) return { ...effort, cycles }
    return `bench:start: --cycles ${values.cycles} is not a whole number from ${LEAST_CYCLES} up`
  } catch (error) {
    return `bench:start: ${(error as Error).message}`
  }
}

if (import.meta.main) {
  await runBenchmark({ name: 'bench:start', effortOf, measure: measureStart }, process.argv.slice(2))
}
