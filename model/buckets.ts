// How slow a cycle was, in four words. The bounds belong to the cycle's definition and may change; durations do not.

export const BUCKETS = ['fast', 'normal', 'slow', 'very_slow'] as const
export type Bucket = (typeof BUCKETS)[number]

/** Upper bounds of `fast`, `normal` and `slow`, inclusive, in milliseconds. Above the last is `very_slow`. */
export type Bounds = { fastMs: number; normalMs: number; slowMs: number }

export const DEFAULT_BOUNDS: Bounds = { fastMs: 20_000, normalMs: 30_000, slowMs: 60_000 }

export function bucketOf(durationMs: number, { fastMs, normalMs, slowMs }: Bounds): Bucket {
  if (durationMs <= fastMs) return 'fast'
  if (durationMs <= normalMs) return 'normal'
  return durationMs <= slowMs ? 'slow' : 'very_slow'
}
