// Scenario 2, the odds collector: a run every 12 s, before and after.
//
// What is simulated (the API's latency, the pause between runs, how old an answer may be) takes `scale` times less. What
// is real, above all the disk, takes what it takes and is told as it was: a run's unscaled seconds are those it took and
// those by which the API was too early. Above a scale of some 50, `before` writes for longer than the pause lasts.

import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { max, mean, median, sum } from 'simple-statistics'
import { oddsAfter } from '#demo/odds/after.ts'
import { oddsBefore } from '#demo/odds/before.ts'
import { keptOdds } from '#demo/odds/database.ts'
import type { OddsJob, OddsRun } from '#demo/odds/job.ts'
import { type OddsUpstream, startOddsUpstream } from '#demo/odds/upstream.ts'
import { hashOf, type Scenario, type ScenarioOptions, type Side, type Told } from '#demo/scenario.ts'

const RUNS = 15

/**
 * The team does not say how often it ran. Where an answer is good for 30 s, any pause below that saves half of the calls or
 * more: this one two of three, and a run may be 6 s late before it has to ask.
 */
const EVERY_MS = 12_000

/**
 * Figures: `runs`; `calls` the API got; `meanSeconds` of a run; `writeMsARow` and, of a run, `ioWaitMs`, both of a real
 * disk; `oldestServedSeconds`, unscaled; `memoryMB` that a run leaves on the heap and beside it.
 */
export const odds: Scenario = {
  name: 'odds',
  async run(side, options) {
    // A process that runs around the clock has its code loaded and compiled.
    await play(side, { ...options, runs: 3, everyMs: 0 })
    return await play(side, { ...options, runs: RUNS, everyMs: EVERY_MS })
  },
}

type Play = ScenarioOptions & { runs: number; everyMs: number }
type Timed = OddsRun & { seconds: number; ageSeconds: number; grownBytes: number }

async function play(side: Side, { scale, folder, signal, runs, everyMs }: Play): Promise<Told> {
  await using upstream = await startOddsUpstream(scale)
  const file = join(mkdtempSync(join(folder, `odds-${side}-`)), 'odds.db')
  const start = side === 'before' ? oddsBefore : oddsAfter
  await using job = start({ upstream: upstream.url, file, scale })
  const startedAt = performance.now()
  const done: Timed[] = []
  for (let number = 0; number < runs; number += 1) {
    const dueIn = startedAt + (number * everyMs) / scale - performance.now()
    await sleep(Math.max(0, dueIn), undefined, { signal })
    done.push(await timed(job, number, upstream, scale))
  }
  return {
    seconds: done.map(({ seconds }) => seconds),
    rows: hashOf(keptOdds(file)),
    figures: figuresOf(done, upstream),
  }
}

async function timed(job: OddsJob, number: number, upstream: OddsUpstream, scale: number): Promise<Timed> {
  const spared = upstream.sparedMs()
  const bytes = usedBytes()
  const startedAt = performance.now()
  const run = await job.run(number)
  const endedAt = performance.now()
  const servedAt = upstream.clock() - (performance.now() - run.servedAt) * scale
  return {
    ...run,
    seconds: (endedAt - startedAt + upstream.sparedMs() - spared) / 1_000,
    ageSeconds: (servedAt - run.asOf) / 1_000,
    grownBytes: usedBytes() - bytes,
  }
}

function usedBytes(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function figuresOf(done: readonly Timed[], upstream: OddsUpstream): Told['figures'] {
  const writeMs = sum(done.map((run) => run.writeMs))
  return {
    runs: done.length,
    calls: upstream.calls(),
    meanSeconds: mean(done.map(({ seconds }) => seconds)),
    writeMsARow: writeMs / sum(done.map(({ quotes }) => quotes)),
    ioWaitMs: writeMs / done.length,
    oldestServedSeconds: max(done.map(({ ageSeconds }) => ageSeconds)),
    // Where garbage was collected meanwhile it shrinks; that is not most runs.
    memoryMB: median(done.map(({ grownBytes }) => grownBytes)) / 1e6,
  }
}
