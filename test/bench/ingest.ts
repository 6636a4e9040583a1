// What ingest costs: stored spans a second, processor time beside that of inserting the same rows with nothing to decode,
// memory, answers, and many small senders. All of it on this machine, the senders too.
// node test/bench/ingest.ts [--short] [--json FILE]

import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { INSERT_SETTINGS } from '#storage/inserts.ts'
import { measureLimit } from '#test/bench/ingest/limit.ts'
import { type Measured, measureLoad } from '#test/bench/ingest/load.ts'
import { type Figure, type Row, row } from '#test/bench/report.ts'
import { runBenchmark, say } from '#test/bench/run.ts'
import { configure, type Up, up } from '#test/bench/up.ts'

const STORED_BAR = 100_000
const RATIO_BAR = 2.2
const COST_BAR_S = 6
const OWN_BAR_S = 1.5
const JSON_BAR = 2
const MEMORY_BAR_MB = 250
/** Of the memory over ten minutes; what a garbage collector keeps in hand moves more than nothing. */
const GROWTH_BAR = 1.1
const ANSWER_BAR_MS = 150
const SMALL_BAR = 500
const INSERTS_BAR = 1

/** Seconds of each load. */
type Effort = { sustained: number; half: number; small: number; flat: number }

const FULL: Effort = { sustained: 60, half: 30, small: 30, flat: 600 }
const SHORT: Effort = { sustained: 3, half: 3, small: 3, flat: 4 }

/** Of the 500 spans of a request. */
const CYCLES = 25
const CONNECTIONS = 4

/** Works in a new folder among the temporary files; what it made is gone afterwards, however it ends. */
async function measureIngest(effort: Effort, signal: AbortSignal): Promise<Row[]> {
  using cleaning = new DisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'cyclewatch-bench-'))
  cleaning.defer(() => rmSync(folder, { recursive: true, force: true }))
  const usual = { encoding: 'protobuf', cycles: CYCLES, connections: CONNECTIONS, rate: null } as const
  const json = await measureJson(folder, signal, { ...usual, encoding: 'json', seconds: effort.sustained })
  await using product = await up(configure(join(folder, 'product')), signal)

  const warm = await load(product, 'warming up', { ...usual, seconds: 2 })
  const most = await load(product, 'sending as fast as is answered', { ...usual, seconds: effort.sustained })
  const inserts = warm.inserts + most.inserts
  const limit = await told('inserting the same rows as Native', () => nativeLimit(product, folder, inserts))
  const rate = most.requestsASecond / 2
  const half = await load(product, 'sending at half that rate', {
    ...usual,
    rate,
    connections: 32,
    seconds: effort.half,
  })
  const crowd = { ...usual, cycles: 1, connections: 500, rate: 500 }
  const small = await load(product, 'sending from 500 small senders', { ...crowd, seconds: effort.small })
  const flat = await load(product, 'sending for long at the rate asked for', {
    ...usual,
    rate: 200,
    seconds: effort.flat,
  })
  return [...costRows(most, json, limit), ...answerRows(half, small), ...memoryRows(most, flat)]
}

/** On data of its own: what protobuf left to be merged would be part of its price. */
async function measureJson(folder: string, signal: AbortSignal, how: Load): Promise<Measured> {
  await using product = await up(configure(join(folder, 'json')), signal)
  await load(product, 'warming up with JSON', { ...how, seconds: 2 })
  return await load(product, 'sending JSON as fast as is answered', how)
}

type Load = Parameters<typeof measureLoad>[1]

async function load(product: Up, what: string, how: Load): Promise<Measured> {
  return told(`${what}, ${how.seconds} s`, () => measureLoad(product, how))
}

function nativeLimit({ clickhouse, pids }: Up, folder: string, inserts: number): Promise<number | null> {
  const order = { database: 'cyclewatch', inserts, folder, settings: INSERT_SETTINGS }
  return measureLimit({ server: clickhouse, pid: pids.engine }, order)
}

function costRows(most: Measured, json: Measured, limit: number | null): Row[] {
  const cost = most.own + most.engine
  const parts = [
    { name: 'ours', value: most.own },
    { name: "the engine's", value: most.engine },
    { name: 'of which merging', value: most.merging },
    { name: 'the sender', value: most.sender },
    ...(limit === null ? [] : [{ name: 'as Native', value: limit }]),
  ]
  const answers = [
    { name: 'requests refused', value: most.refused },
    { name: 'answer p99 ms', value: most.answerMs.p99 },
    { name: 'inserts a second', value: most.insertsASecond },
    average(),
  ]
  return [
    row('ingest: spans stored a second', most.storedASecond, 'spans/s', STORED_BAR, 'higher', answers),
    row('ingest: processor time of a million spans', cost, 's', COST_BAR_S, 'lower', parts),
    row('ingest: ours of it', most.own, 's', OWN_BAR_S, 'lower', []),
    ...(limit === null
      ? []
      : [row('ingest: above the same rows as Native', cost / limit, '×', RATIO_BAR, 'lower', parts)]),
    row('ingest: JSON above protobuf', (json.own + json.engine) / cost, '×', JSON_BAR, 'lower', [
      { name: 'ours', value: json.own },
      { name: "the engine's", value: json.engine },
      { name: 'of which merging', value: json.merging },
      { name: 'stored a second', value: json.storedASecond },
    ]),
  ]
}

function answerRows(half: Measured, small: Measured): Row[] {
  return [
    row('ingest: p99 of the answer at half that rate', half.answerMs.p99, 'ms', ANSWER_BAR_MS, 'lower', [
      { name: 'p50', value: half.answerMs.p50 },
      { name: 'requests a second', value: half.requestsASecond },
      { name: 'refused', value: half.refused },
    ]),
    row(
      'ingest: requests a second of 500 small senders',
      small.requestsASecond,
      'requests/s',
      SMALL_BAR * 0.99,
      'higher',
      [
        { name: 'answer p99 ms', value: small.answerMs.p99 },
        { name: 'refused', value: small.refused },
      ],
    ),
    row('ingest: inserts a second meanwhile', small.insertsASecond, 'inserts/s', INSERTS_BAR, 'lower', []),
  ]
}

function memoryRows(most: Measured, flat: Measured): Row[] {
  const { first, largest, last } = flat.memory
  const beside = [
    { name: 'at the start', value: first },
    { name: 'at most', value: largest },
    { name: 'spans stored a second', value: flat.storedASecond },
  ]
  return [
    row('ingest: memory of ours at that rate', most.memory.largest, 'MB', MEMORY_BAR_MB, 'lower', []),
    row('ingest: memory of ours after long', last, 'MB', MEMORY_BAR_MB, 'lower', beside),
    row('ingest: largest against the end', largest / last, '×', GROWTH_BAR, 'lower', []),
  ]
}

function average(): Figure {
  return { name: 'load average', value: loadavg()[0] ?? Number.NaN }
}

async function told<Result>(what: string, run: () => Promise<Result>): Promise<Result> {
  say(what)
  return run()
}

/** A text is what is wrong with the options. */
function effortOf(argv: readonly string[]): Effort | string {
  try {
    const { values } = parseArgs({ args: [...argv], options: { short: { type: 'boolean' }, json: { type: 'string' } } })
    return values.short ? SHORT : FULL
  } catch (error) {
    return `bench:ingest: ${(error as Error).message}`
  }
}

if (import.meta.main) {
  await runBenchmark({ name: 'bench:ingest', effortOf, measure: measureIngest }, process.argv.slice(2))
}
