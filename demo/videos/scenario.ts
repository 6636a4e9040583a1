// Scenario 4: the video monitor, twelve cycles of 25 s. Before, a cycle makes 50 queries and takes some 20 s.

import { setTimeout as sleep } from 'node:timers/promises'
import { mean } from 'simple-statistics'
import { hashOf, type Scenario, type ScenarioOptions, type Side, type Told } from '#demo/scenario.ts'
import type { Monitor } from '#demo/videos/after.ts'
import type { VideoDatabase } from '#demo/videos/database.ts'
import { withMonitor } from '#demo/videos/monitor.ts'
import { advanceVideos, CYCLE_EVERY_MS, cycleAt, deliveredRows } from '#demo/videos/world.ts'

const CYCLES = 12

/** How many cycles it takes until one is as quick as those after it, and at what scale they are over soon. */
const WARM_CYCLES = 50
const WARM_SCALE = 1e5

/**
 * The figures of a cycle are means; checks of the connection are no queries. `cacheHitRate` is a fraction, 0 where there
 * is no cache. `writeMsARow` is of the videos' rows, which are what is written in bulk. `memoryMB` is the most the
 * process had resident after a cycle, so it compares sides that run in a process each.
 */
export const videos: Scenario = { name: 'videos', run: runVideos }

async function runVideos(side: Side, options: ScenarioOptions): Promise<Told> {
  await warmUp(side, options)
  return withMonitor(`videos-${side}`, side, options, async (monitor, database) => {
    const { scale, signal } = options
    const seconds: number[] = []
    let memoryBytes = 0
    const beganAt = performance.now()
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const pauseMs = beganAt + (cycle * CYCLE_EVERY_MS) / scale - performance.now()
      await sleep(Math.max(0, pauseMs), undefined, { signal })
      advanceVideos(database.file, cycle)
      const startedAt = performance.now()
      await monitor.run(cycleAt(cycle), signal)
      seconds.push(((performance.now() - startedAt) * scale) / 1_000)
      memoryBytes = Math.max(memoryBytes, process.memoryUsage.rss())
    }
    const figures = { ...figuresOf(database, monitor, scale), memoryMB: memoryBytes / 1e6 }
    const secondsACycle = mean(seconds)
    return { seconds, rows: hashOf(deliveredRows(database.file)), figures: { ...figures, secondsACycle } }
  })
}

/** The job is a process that runs around the clock: its first cycle, ten times as long as others, is none of these. */
async function warmUp(side: Side, options: ScenarioOptions): Promise<void> {
  const quick = { ...options, scale: WARM_SCALE, random: () => 0 }
  await withMonitor(`videos-warm-${side}`, side, quick, async (monitor, database) => {
    for (let cycle = 0; cycle < WARM_CYCLES; cycle++) {
      advanceVideos(database.file, cycle)
      await monitor.run(cycleAt(cycle), options.signal)
    }
  })
}

function figuresOf({ counts }: VideoDatabase, { cache }: Monitor, scale: number): Record<string, number> {
  const { vod, alert, monitor_run } = counts.writes
  return {
    queriesACycle: counts.queries / CYCLES,
    checksACycle: counts.checks / CYCLES,
    commitsACycle: (vod.commits + alert.commits + monitor_run.commits) / CYCLES,
    cacheHitRate: cache.lookUps > 0 ? 1 - cache.loads / cache.lookUps : 0,
    writeMsARow: (vod.ms * scale) / vod.rows,
  }
}
