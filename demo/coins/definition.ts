// What the coin fetcher's runs are called, and what counts as slow of them when time runs faster.

import { type Bounds, DEFAULT_BOUNDS } from '#model/buckets.ts'

/** The `cycle.name` of every run. */
export const COIN_CYCLE = 'coin-fetcher'

/** The `service.name` of the job. */
export const COIN_SERVICE = 'lcw-fetcher'

/** The bounds of the original, on a scale on which everything takes `scale` times less. */
export function coinBounds(scale: number): Bounds {
  const { fastMs, normalMs, slowMs } = DEFAULT_BOUNDS
  return { fastMs: fastMs / scale, normalMs: normalMs / scale, slowMs: slowMs / scale }
}
