// The jobs that five teams wrote about, before and after: both sides against the same simulated upstream in one run, in
// unscaled seconds, beside what the team itself claims for its own remedy (scenarios.md).
// node test/bench/scenarios.ts [--short] [--json FILE]

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { max, mean, quantile } from 'simple-statistics'
import { seededRandom } from '#demo/coins/random.ts'
import { coins } from '#demo/coins/scenario.ts'
import { locations } from '#demo/locations/scenario.ts'
import { odds } from '#demo/odds/scenario.ts'
import type { Scenario, Side, Told } from '#demo/scenario.ts'
import { terminals } from '#demo/terminals/scenario.ts'
import { videos } from '#demo/videos/scenario.ts'
import { type Row, row } from '#test/bench/report.ts'
import { runBenchmark, say } from '#test/bench/run.ts'

type Effort = { cycles: number; scale: number }

const FULL: Effort = { cycles: 4_235, scale: 50 }
const SHORT: Effort = { cycles: 60, scale: 100 }
const SEED = 3

type Sides = Record<Side, Told>

/** Works in a new folder among the temporary files, which is gone afterwards. */
async function measureScenarios(effort: Effort, signal: AbortSignal): Promise<Row[]> {
  using cleaning = new DisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'cyclewatch-scenarios-'))
  cleaning.defer(() => rmSync(folder, { recursive: true, force: true }))
  const { cycles, scale } = effort
  const both = async (scenario: Scenario): Promise<Sides> => {
    const run = (side: Side) => {
      say(`${scenario.name} ${side}`)
      return scenario.run(side, { scale, random: seededRandom(SEED), folder, signal })
    }
    const sides = { before: await run('before'), after: await run('after') }
    if (sides.before.rows !== sides.after.rows)
      throw new Error(`${scenario.name} delivers other rows after than before`)
    return sides
  }
  return [
    ...terminalRows(await both(terminals)),
    ...locationRows(await both(locations)),
    ...oddsRows(await both(odds)),
    ...coinRows(await both(coins(cycles))),
    ...videoRows(await both(videos)),
  ]
}

type Better = Row['better']

/** A row of the after side, with the before side and what the team claims beside it. */
function rowOf(
  sides: Sides,
  name: string,
  unit: string,
  bar: number,
  better: Better,
  of: (told: Told) => number,
  claimed?: number,
) {
  const claim = claimed === undefined ? [] : [{ name: 'the team claims', value: claimed }]
  return row(name, of(sides.after), unit, bar, better, [{ name: 'before', value: of(sides.before) }, ...claim])
}

const figure = (name: string) => (told: Told) => told.figures[name] ?? Number.NaN

function terminalRows(sides: Sides): Row[] {
  return [
    rowOf(sides, 'terminals: a run', 's', 120, 'lower', ({ seconds }) => max(seconds), 150),
    rowOf(sides, 'terminals: most requests at once', '', 5, 'lower', figure('mostAtOnce')),
    rowOf(sides, 'terminals: pushed into slow-down', 'times', 0, 'lower', figure('slowDowns')),
    rowOf(sides, 'terminals: retrieved of 14', '', 14, 'higher', figure('terminals')),
  ]
}

/** Of the analyses, most find everything in the cache after: the median of those that fetched all is the one to compare. */
function locationRows(sides: Sides): Row[] {
  const good = ({ figures: { ok = 0, partial = 0 } }: Told) => ok + partial
  return [
    rowOf(sides, 'locations: median of those that fetched all', 's', 24, 'lower', figure('medianColdSeconds'), 24),
    rowOf(sides, 'locations: all 80', 'min', 20, 'lower', (told) => figure('totalSeconds')(told) / 60, 26),
    rowOf(sides, 'locations: ok or partial of 80', '', 80, 'higher', good),
    rowOf(sides, 'locations: ok', '', 76, 'higher', figure('ok')),
    rowOf(sides, 'locations: calls', '', 160, 'lower', figure('calls'), 160),
    rowOf(sides, 'locations: points missing from what was delivered', '', 0, 'lower', figure('pointsMissing')),
  ]
}

function oddsRows(sides: Sides): Row[] {
  const { before, after } = sides
  const fewer = 1 - figure('calls')(after) / figure('calls')(before)
  const faster = figure('writeMsARow')(before) / figure('writeMsARow')(after)
  return [
    rowOf(sides, 'odds: mean run', 's', 0.3, 'lower', figure('meanSeconds'), 0.373),
    row('odds: fewer calls', fewer, '', 0.5, 'higher', [{ name: 'the team claims', value: 0.5 }]),
    rowOf(sides, 'odds: oldest value served', 's', 30, 'lower', figure('oldestServedSeconds')),
    row('odds: a row is written faster', faster, '×', 10, 'higher', [{ name: 'the team claims', value: 3 }]),
  ]
}

function videoRows(sides: Sides): Row[] {
  const { before, after } = sides
  const fewer = 1 - figure('queriesACycle')(after) / figure('queriesACycle')(before)
  const faster = figure('writeMsARow')(before) / figure('writeMsARow')(after)
  return [
    row('videos: fewer queries', fewer, '', 0.8, 'higher', [{ name: 'the team claims', value: 0.6 }]),
    rowOf(sides, 'videos: cache hits', '', 0.9, 'higher', figure('cacheHitRate'), 0.8),
    row('videos: a row is written faster', faster, '×', 5, 'higher', [{ name: 'the team claims', value: 2.5 }]),
    rowOf(sides, 'videos: a monitoring cycle', 's', figure('secondsACycle')(before), 'lower', figure('secondsACycle')),
  ]
}

/** The targets that the team set itself for its eighth week. */
function coinRows(sides: Sides): Row[] {
  const within = ({ seconds }: Told) => seconds.filter((one) => one <= 25).length / seconds.length
  const ok = ({ seconds, figures: { failed = 0 } }: Told) => 1 - failed / seconds.length
  return [
    rowOf(sides, 'coins: mean', 's', 16, 'lower', ({ seconds }) => mean(seconds)),
    rowOf(sides, 'coins: p99', 's', 45, 'lower', ({ seconds }) => quantile(seconds, 0.99)),
    rowOf(sides, 'coins: longest', 's', 60, 'lower', ({ seconds }) => max(seconds)),
    rowOf(sides, 'coins: share within 25 s', '', 0.95, 'higher', within),
    rowOf(sides, 'coins: share that is ok', '', 0.995, 'higher', ok),
  ]
}

/** A text is what is wrong with the options. */
function effortOf(argv: readonly string[]): Effort | string {
  try {
    const { values } = parseArgs({ args: [...argv], options: { short: { type: 'boolean' }, json: { type: 'string' } } })
    return values.short ? SHORT : FULL
  } catch (error) {
    return `bench:scenarios: ${(error as Error).message}`
  }
}

if (import.meta.main) {
  await runBenchmark({ name: 'bench:scenarios', effortOf, measure: measureScenarios }, process.argv.slice(2))
}
