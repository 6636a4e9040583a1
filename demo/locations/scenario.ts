// The location analyses before and after, against one upstream each that draws the same troubles.

import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { median } from 'simple-statistics'
import { analyseTogether, CALL_USD } from '#demo/locations/after.ts'
import { analyseOneByOne } from '#demo/locations/before.ts'
import { ANALYSES, type Analysed, type Analysis, COLLECTORS, type Points, pointsOf } from '#demo/locations/places.ts'
import { isBroken } from '#demo/locations/trouble.ts'
import { startLocationUpstream, type Tally } from '#demo/locations/upstream.ts'
import { hashOf, type Scenario, type ScenarioOptions, type Side, type Told } from '#demo/scenario.ts'

export const locations: Scenario = {
  name: 'locations',
  run: (side, options) => runLocations(side, options, ANALYSES),
}

/** Some of the analyses, or all. */
export async function runLocations(
  side: Side,
  { scale, random, folder, signal }: ScenarioOptions,
  analyses: readonly Analysis[],
): Promise<Told> {
  const { hosts, tally, close } = await startLocationUpstream(scale, random)
  try {
    // A run that found the answers of another would measure nothing.
    const job = { hosts, analyses, scale, signal, folder: mkdtempSync(join(folder, 'locations-')) }
    const begunAt = performance.now()
    const analysed = await (side === 'before' ? analyseOneByOne(job) : analyseTogether(job))
    const totalSeconds = ((performance.now() - begunAt) * scale) / 1_000
    return {
      seconds: analysed.map(({ seconds }) => seconds),
      rows: hashOf(rowsOf(analyses, analysed)),
      figures: { totalSeconds, ...figuresOf(analyses, analysed), ...callsOf(tally) },
    }
  } finally {
    await close()
  }
}

/** Everything the upstream has for an analysis: what a client gets that waits and asks again for as long as it takes. */
export function referenceOf({ place }: Analysis): Points {
  const able = COLLECTORS.filter((collector) => !isBroken(collector, place))
  return Object.assign({}, ...able.map((collector) => pointsOf(collector, place)))
}

/**
 * What a side delivered; for an analysis of which it delivered nothing, the reference. So sides have the same rows when all
 * they delivered is whole and right, although one of them delivered more analyses; how many is in the figures.
 */
export function rowsOf(analyses: readonly Analysis[], analysed: readonly Analysed[]): unknown[] {
  return analyses.flatMap((analysis, index) => {
    const { outcome, points } = analysed[index] as Analysed
    const isDelivered = outcome === 'ok' || outcome === 'partial'
    return Object.entries(isDelivered ? points : referenceOf(analysis)).map((point) => [analysis.id, ...point])
  })
}

function figuresOf(analyses: readonly Analysis[], analysed: readonly Analysed[]): Record<string, number> {
  const count = (outcome: Analysed['outcome']) => analysed.filter((one) => one.outcome === outcome).length
  const secondsOf = (some: readonly Analysed[]) => median(some.map(({ seconds }) => seconds))
  const fetched = analysed.reduce((sum, one) => sum + one.fetched, 0)
  const pointsMissing = analyses.reduce((sum, analysis, index) => {
    const { points } = analysed[index] as Analysed
    return sum + Object.keys(referenceOf(analysis)).filter((name) => !(name in points)).length
  }, 0)
  return {
    medianSeconds: secondsOf(analysed),
    // Of those about whose place nothing was known.
    medianColdSeconds: secondsOf(analysed.filter((one) => one.fetched === COLLECTORS.length)),
    ok: count('ok'),
    partial: count('partial'),
    failed: count('failed') + count('timeout'),
    timeouts: count('timeout'),
    cacheHitRate: 1 - fetched / (analyses.length * COLLECTORS.length),
    points: analysed.reduce((sum, { points }) => sum + Object.keys(points).length, 0),
    pointsMissing,
  }
}

function callsOf({ calls, validations, throttled, mostAnalyses, mostConnections }: Tally): Record<string, number> {
  const costUSD = Math.round(calls * CALL_USD * 1_000) / 1_000
  return { calls, costUSD, validations, throttled, mostAnalyses, mostConnections }
}
