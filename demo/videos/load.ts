// The load run: so many users look at the monitor's status again and again, each a while after the last answer came.

import { setTimeout as sleep } from 'node:timers/promises'
import { quantile } from 'simple-statistics'
import { type ScenarioOptions, SIDES, type Side } from '#demo/scenario.ts'
import type { VideoDatabase } from '#demo/videos/database.ts'
import { withMonitor } from '#demo/videos/monitor.ts'
import type { VideoCounts } from '#demo/videos/rules.ts'

export const LOADS = [10, 50, 100] as const

export type LoadOptions = ScenarioOptions & {
  /** How long each run is, unscaled; the team's are 300. */
  seconds: number
  /** How many users, one run for each number. Default: LOADS. */
  loads?: readonly number[] | undefined
}

/** Seconds are unscaled; those of the views that were answered, NaN when there were none. */
export type LoadReport = {
  side: Side
  users: number
  views: number
  /** Views that failed or showed something else than there is. */
  failed: number
  viewsASecond: number
  p50Seconds: number
  p95Seconds: number
  queriesAView: number
}

/** How long a user looks at a status before the next, on average: half of it to one and a half, lest all come at once. */
const LOOK_MS = 5_000

/** One run after another: for each number of users the job as it was and as it is. Rejects when the signal aborts. */
export async function loadVideos(options: LoadOptions): Promise<LoadReport[]> {
  const reports: LoadReport[] = []
  for (const users of options.loads ?? LOADS) {
    for (const side of SIDES) reports.push(await loadSide(side, users, options))
  }
  return reports
}

function loadSide(side: Side, users: number, options: LoadOptions): Promise<LoadReport> {
  const { scale, seconds, random, signal } = options
  return withMonitor(`videos-load-${side}`, side, options, async (monitor, database) => {
    const isRight = rightIn(database)
    const views: number[] = []
    let failed = 0
    const endsAt = performance.now() + (seconds * 1_000) / scale
    const user = async () => {
      await sleep((random() * LOOK_MS) / scale, undefined, { signal })
      while (performance.now() < endsAt) {
        const askedAt = performance.now()
        const shown = await monitor.status(signal).catch(() => undefined)
        if (isRight(shown)) views.push(((performance.now() - askedAt) * scale) / 1_000)
        else failed += 1
        await sleep(((0.5 + random()) * LOOK_MS) / scale, undefined, { signal })
      }
    }
    await Promise.all(Array.from({ length: users }, user))
    const queriesAView = database.counts.queries / (views.length + failed)
    return { side, users, ...summary(views, seconds), failed, queriesAView }
  })
}

/** Nothing changes during a load run. */
function rightIn({ file }: VideoDatabase): (shown: VideoCounts | undefined) => boolean {
  const count = (condition: string) => file.prepare(`SELECT count(*) AS n FROM vod WHERE ${condition}`).get()?.n
  const total = count('true')
  const completed = count("vod_state = 'completed'")
  const pending = count("vod_state <> 'completed'")
  return (shown) => shown?.total === total && shown?.completed === completed && shown?.pending === pending
}

function summary(views: number[], seconds: number) {
  const at = (share: number) => (views.length > 0 ? quantile(views, share) : Number.NaN)
  return { views: views.length, viewsASecond: views.length / seconds, p50Seconds: at(0.5), p95Seconds: at(0.95) }
}
