// Whether a figure that is read again and again grows. Pure.

import { linearRegression } from 'simple-statistics'

/** One reading: after how many cycles, and what. */
export type Reading = readonly [cycles: number, value: number]

export type Trend = {
  /** Along the fitted line, from the first reading that counts to the last. */
  growth: number
  /** The smaller of what the two halves of the readings grew, each along a line of its own. */
  steadyGrowth: number
  grows: boolean
}

/** The first part is warming up: pools open, code is compiled, caches fill. */
const WARM_UP = 0.3

/**
 * A leak rises for as long as one looks; what merely warms up late, or fragments, levels off. So a figure grows when it
 * rose by more than `tolerance` over all readings after the warm-up, and by more than half of a fair share in each half
 * of them. Throws with fewer than eight readings, which would decide nothing.
 */
export function trendOf(readings: readonly Reading[], tolerance: number): Trend {
  if (readings.length < 8) throw new RangeError(`${readings.length} readings tell no trend; at least 8 do`)
  const warm = readings.slice(Math.floor(readings.length * WARM_UP))
  const middle = Math.floor(warm.length / 2)
  const growth = growthOf(warm)
  const steadyGrowth = Math.min(growthOf(warm.slice(0, middle + 1)), growthOf(warm.slice(middle)))
  return { growth, steadyGrowth, grows: growth > tolerance && steadyGrowth > tolerance / 4 }
}

function growthOf(readings: readonly Reading[]): number {
  const [first] = readings
  const last = readings.at(-1)
  if (!first || !last) return 0
  return linearRegression(readings.map(([cycles, value]) => [cycles, value])).m * (last[0] - first[0])
}
