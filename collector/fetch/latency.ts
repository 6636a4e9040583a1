// How long a host usually takes to begin its answer, and how long it is worth to wait for one.

import { quantile } from 'simple-statistics'

/** Between these bounds, a multiple of what the host's slowest answers take. */
export type Adaptive = { floorMs: number; ceilingMs: number }

export type Latencies = {
  /** An answer began after `ms`; of one that was given up, the `ms` it was given: it would have taken longer. */
  add(ms: number): void
  /** Milliseconds to wait for an answer to begin; the ceiling until enough is known. */
  timeoutMs(bounds: Adaptive): number
}

const REMEMBERED = 200
/** Fewer say nothing about a p99. */
const ENOUGH = 20
const FACTOR = 2
/** Sorting is not worth it for each request. */
const EVERY = 50

/** Twice the 99th percentile of the last 200 answers. */
export function rememberLatencies(): Latencies {
  const last: number[] = []
  let next = 0
  let p99: number | null = null
  let news = 0
  return {
    add(ms) {
      last[next] = ms
      next = (next + 1) % REMEMBERED
      news += 1
      // Growing slower is followed at once, or a host that has become slow would look as if it were gone.
      if (last.length >= ENOUGH && (p99 === null || news >= EVERY || ms > p99)) {
        p99 = quantile(last, 0.99)
        news = 0
      }
    },
    timeoutMs({ floorMs, ceilingMs }) {
      return p99 === null ? ceilingMs : Math.min(ceilingMs, Math.max(floorMs, FACTOR * p99))
    },
  }
}
