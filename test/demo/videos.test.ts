import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startTelemetry } from '#collector/collector.ts'
import { seededRandom } from '#demo/coins/random.ts'
import { SIDES, type Side, type Told } from '#demo/scenario.ts'
import { openVideoDatabase } from '#demo/videos/database.ts'
import { loadVideos } from '#demo/videos/load.ts'
import { withMonitor } from '#demo/videos/monitor.ts'
import { videos } from '#demo/videos/scenario.ts'
import { advanceVideos, cycleAt, deliveredRows } from '#demo/videos/world.ts'
import { startReceiver } from '#test/collector/receiver.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cyclewatch-videos-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

const optionsOf = (scale = 100) => ({ scale, random: seededRandom(4), folder, signal: new AbortController().signal })

/** The figures of both sides. */
async function told(): Promise<Record<Side, Told>> {
  const before = await videos.run('before', optionsOf())
  return { before, after: await videos.run('after', optionsOf()) }
}

test('delivers the same rows with far fewer queries when written with the collector', async () => {
  const { before, after } = await told()
  expect(after.rows).toBe(before.rows)
  expect([before.seconds.length, after.seconds.length]).toEqual([12, 12])

  expect(before.figures).toMatchObject({ queriesACycle: 50, checksACycle: 15, commitsACycle: 15, cacheHitRate: 0 })
  // Cycles that a busy machine draws out may each find the minute over, never more than that.
  expect(after.figures.queriesACycle).toBeLessThanOrEqual(7)
  expect(after.figures.checksACycle).toBeLessThanOrEqual(1.5)
  // From the first cycle to the last it is 275 s, and a check counts for 60 of them.
  expect(after.figures.checksACycle).toBeGreaterThanOrEqual(2 / 12)
  expect(after.figures.commitsACycle).toBe(3)
  expect(after.figures.cacheHitRate).toBeGreaterThan(0.8)
  expect(before.figures.writeMsARow).toBeGreaterThanOrEqual(105)
  expect(after.figures.writeMsARow).toBeGreaterThanOrEqual((100 + 13 * 5) / 13)
}, 30_000)

test('finds what happens to the videos: stages, transcriptions and the one that is stuck', async () => {
  const rows = (await withMonitor('videos', 'after', optionsOf(), async (monitor, database) => {
    for (const cycle of [0, 1]) {
      advanceVideos(database.file, cycle)
      await monitor.run(cycleAt(cycle))
    }
    return deliveredRows(database.file)
  })) as Record<string, unknown>[]
  const states = (from: number) => rows.filter(({ id }) => (id as number) > from).map(({ vod_state }) => vod_state)
  expect(states(2_000)).toEqual([
    'transcoding',
    ...Array(6).fill('completed'),
    ...Array(3).fill('uploading'),
    ...Array(3).fill('transcoding'),
    ...Array(3).fill('processing'),
  ])
  expect(rows.filter(({ message }) => message)).toMatchObject([
    { vod_id: 2_001, message: 'Show 1 has been transcoding without news for 180 min' },
    { vod_id: 2_001, raised_at: cycleAt(1) },
  ])
  expect(rows.filter(({ backlog }) => backlog !== undefined)).toMatchObject([
    { total: 2_013, completed: 2_000, pending: 13, transcriptions: 2_013, transcribed: 1_603, backlog: 1 },
    { total: 2_016, completed: 2_003, pending: 13, transcriptions: 2_016, transcribed: 1_606, backlog: 1 },
  ])
})

test('tells each query and each look-up in the trace', async () => {
  const receiver = await startReceiver()
  const telemetry = startTelemetry({ service: 'videos', endpoint: receiver.url })
  const { queries, checks, lookUps, loads } = await withMonitor(
    'videos',
    'after',
    optionsOf(),
    async (monitor, database) => {
      advanceVideos(database.file, 0)
      await monitor.run(cycleAt(0))
      return { ...database.counts, ...monitor.cache }
    },
  )
  await telemetry.shutdown()

  const root = receiver.one('video-monitor')
  expect(root.attributes).toMatchObject({
    'cycle.outcome': 'ok',
    'cycle.items': 13,
    'cycle.items.expected': 13,
    'cycle.queries': queries + checks,
    'cycle.cache.hits': lookUps - loads,
    'cycle.cache.misses': loads,
  })
  expect(receiver.one('BATCH UPDATE vod').attributes).toMatchObject({
    'step.kind': 'db',
    'db.system.name': 'sqlite',
    'db.operation.batch.size': 13,
  })
  const asked = receiver.spans.filter(({ attributes }) => attributes['step.kind'] === 'db')
  expect(asked).toHaveLength(queries + checks)
  // A step is as long as the database took, which is 1 ms at this scale, and not only as SQLite did.
  expect(Math.min(...asked.map(({ durationMs }) => durationMs))).toBeGreaterThanOrEqual(1)
  await receiver.close()
})

test('lets ten queries at once to the database, each as slow as was drawn', async () => {
  const file = join(folder, 'slow.db')
  const database = openVideoDatabase({ file, scale: 10, random: () => 0.5 })
  const beganAt = performance.now()
  const took = await Promise.all(
    Array.from({ length: 11 }, async () => {
      await database.all('SELECT * FROM vod')
      return performance.now() - beganAt
    }),
  )
  expect(Math.min(...took)).toBeGreaterThanOrEqual(30)
  expect(took[10]).toBeGreaterThanOrEqual(60)
  expect(database.counts.queries).toBe(11)
  database.close()
})

test('reports a load run for each number of users and side', async () => {
  const reports = await loadVideos({ ...optionsOf(), seconds: 20, loads: [2, 30] })
  expect(reports.map(({ side, users, failed }) => [users, side, failed])).toEqual(
    [2, 30].flatMap((users) => SIDES.map((side) => [users, side, 0])),
  )
  for (const { side, views, viewsASecond, p50Seconds, p95Seconds, queriesAView } of reports) {
    expect(views).toBeGreaterThan(0)
    expect(viewsASecond).toBeCloseTo(views / 20)
    expect(p95Seconds).toBeGreaterThanOrEqual(p50Seconds)
    if (side === 'before') expect(queriesAView).toBe(3)
    else expect(queriesAView).toBeLessThanOrEqual(1)
  }
})
