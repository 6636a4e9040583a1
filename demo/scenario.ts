// What the scenarios have in common: a job as its team had it and the same job with our collector, both against one
// simulated upstream on which everything takes `scale` times less.

import { createHash } from 'node:crypto'

export const SIDES = ['before', 'after'] as const
export type Side = (typeof SIDES)[number]

/** `random` gives numbers from 0 to 1; `folder` is where the side may keep files. */
export type ScenarioOptions = { scale: number; random: () => number; folder: string; signal: AbortSignal }

/**
 * What one side did. `seconds` are unscaled, each of a run; `rows` is `hashOf` what was delivered; `figures` are what
 * else the scenario is judged by, durations among them unscaled.
 */
export type Told = { seconds: number[]; rows: string; figures: Record<string, number> }

export type Scenario = { name: string; run(side: Side, options: ScenarioOptions): Promise<Told> }

/** The same for the same rows, in whatever order they came. Rows are plain values that JSON can say. */
export function hashOf(rows: readonly unknown[]): string {
  const lines = rows.map((row) => JSON.stringify(row)).toSorted()
  return createHash('sha256').update(lines.join('\n')).digest('hex')
}
