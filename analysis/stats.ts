// How slow cycles are: exact percentiles, bucket counts and outcomes over one window or a rolling series of them.

import { BUCKETS, type Bucket } from '#model/buckets.ts'
import { OUTCOMES, type Outcome } from '#model/cycles.ts'
import { BadInput } from '#model/errors.ts'
import { rollingWindows, type Window } from '#model/windows.ts'
import type { Database } from '#storage/client.ts'
import { type Filter, readStats, type StatsRow } from '#storage/cycles.ts'
import { refuseUnknownName } from './names.ts'

/**
 * What is asked. `name` null means every cycle, each for itself; `by` splits by an attribute. Without `stepMs` the range
 * is one window; with it there is a window per step of the range, each `windowMs` long (a step, when null).
 */
export type StatsQuestion = {
  name: string | null
  by: string | null
  where: Filter
  range: Window
  windowMs: number | null
  stepMs: number | null
}

/** How many cycles, and which fraction of those in the window. */
export type Share = { count: number; share: number }

/** Durations in milliseconds over every outcome. An empty window has no figures, not zeros. */
export type WindowStats = Window &
  (
    | { count: 0 }
    | {
        count: number
        p50Ms: number
        p95Ms: number
        p99Ms: number
        meanMs: number
        minMs: number
        maxMs: number
        buckets: Record<Bucket, Share>
        outcomes: Record<Outcome, Share>
      }
  )

/** One series: a cycle, or the part of it in which the attribute asked for has the value `group`. */
export type Stats = { cycle: string; group: string | null; windows: WindowStats[] }

/** Series in order of cycle and group; none when no cycle ended in the range. Throws BadInput for an unknown name. */
export async function stats(db: Database, question: StatsQuestion): Promise<Stats[]> {
  const { range, windowMs, stepMs, name, by, where } = question
  const windows = stepMs === null ? [range] : rollingWindows(range, windowMs ?? stepMs, stepMs)
  const lengthMs = stepMs === null ? range.to - range.from : Math.min(windowMs ?? stepMs, range.to)
  const rows = await readStats(db, {
    name,
    by,
    where,
    to: range.to,
    lengthMs,
    stepMs: stepMs ?? lengthMs,
    windows: windows.length,
    limit: MAX_FIGURES + 1,
  })
  if (rows.length === 0 && name !== null) await refuseUnknownName(db, name)
  const series = Map.groupBy(rows, ({ cycle, group }) => JSON.stringify([cycle, group]))
  refuseTooMany(series.size, windows.length)
  return [...series.values()].map((filled) => toSeries(filled, windows, by !== null))
}

/** An answer with more windows than this, over all its series, nobody could draw; making it would hold up everybody else. */
const MAX_FIGURES = 200_000

/** Also what the limit of the query cut short is too many: every row is a window of its own. */
function refuseTooMany(series: number, windows: number): void {
  if (series * windows <= MAX_FIGURES) return
  throw new BadInput(
    `the answer would have ${series} series of ${windows} windows, and at most ${MAX_FIGURES} windows in all are allowed; ` +
      'take a longer step, a shorter range, one name, or an attribute with fewer values',
  )
}

/** The non-empty windows of one series into the whole of it, every window in its place. */
function toSeries(rows: StatsRow[], windows: Window[], grouped: boolean): Stats {
  const [{ cycle, group }] = rows as [StatsRow]
  const filled = new Map(rows.map((row) => [row.window, row]))
  return {
    cycle,
    group: grouped ? group : null,
    windows: windows.map((window, index) => {
      const row = filled.get(index)
      return row ? { ...window, ...figures(row) } : { ...window, count: 0 }
    }),
  }
}

function figures({ total, quantiles, mean, lowest, highest, buckets, outcomes }: StatsRow) {
  const [p50Ms, p95Ms, p99Ms] = quantiles
  return {
    count: total,
    p50Ms,
    p95Ms,
    p99Ms,
    meanMs: mean,
    minMs: lowest,
    maxMs: highest,
    buckets: shares(BUCKETS, buckets, total),
    outcomes: shares(OUTCOMES, outcomes, total),
  }
}

function shares<Word extends string>(words: readonly Word[], counts: number[], total: number): Record<Word, Share> {
  const entries = words.map((word, index) => {
    const count = counts[index] ?? 0
    return [word, { count, share: count / total }]
  })
  return Object.fromEntries(entries)
}
