// Many runs of one thing in three numbers.

import { quantile } from 'simple-statistics'

/** Milliseconds. */
export type Times = { median: number; p90: number; min: number }

/** Runs the work one after the other; the warm-ups are not counted. */
export async function timesOf(runs: number, warmUps: number, work: () => Promise<void>): Promise<Times> {
  const each: number[] = []
  for (let run = -warmUps; run < runs; run += 1) {
    const began = performance.now()
    await work()
    if (run >= 0) each.push(performance.now() - began)
  }
  return { median: quantile(each, 0.5), p90: quantile(each, 0.9), min: Math.min(...each) }
}
