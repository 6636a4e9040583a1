// The video monitor with our collector: one aggregate in place of three counts, one join in place of two queries for
// each video, its rows written in batches, and what rarely changes remembered for a minute.

import { batcher, cycle, memoryStore, type Run } from '#collector/collector.ts'
import type { VideoDatabase } from '#demo/videos/database.ts'
import {
  alertOf,
  isStuck,
  noteOf,
  type Report,
  runOf,
  type Settings,
  type TranscriptionCounts,
  type VideoCounts,
} from '#demo/videos/rules.ts'
import { Unavailable } from '#model/errors.ts'

export type Monitor = {
  /** One monitoring cycle. `at` in epoch milliseconds. */
  run(at: number, signal?: AbortSignal): Promise<void>
  /** What a user sees of it, as it was at most 5 s ago. */
  status(signal?: AbortSignal): Promise<VideoCounts>
  readonly cache: { lookUps: number; loads: number }
  /** Writes what is still to be written. */
  close(): Promise<void>
}

type Pending = Report & { id: number; title: string }
type Update = { id: number; state: string; percent: number; note: string; at: number }

const DB = { system: 'sqlite', namespace: 'videos' }
const REMEMBERED_MS = 60_000
const STATUS_MS = 5_000

const VIDEOS = `
  SELECT count(*) AS total,
    sum(CASE WHEN vod_state = 'completed' THEN 1 ELSE 0 END) AS completed,
    sum(CASE WHEN vod_state IN ('processing', 'uploading', 'transcoding') THEN 1 ELSE 0 END) AS pending
  FROM vod`
const TRANSCRIPTIONS = `
  SELECT count(*) AS transcriptions, count(completed_at) AS transcribed, count(*) - count(completed_at) AS untranscribed
  FROM transcription`
const PENDING = `
  SELECT vod.id, show.title, report.vod_state, report.percent, report.reported_at
  FROM vod JOIN show ON show.id = vod.show_id JOIN report ON report.vod_id = vod.id
  WHERE vod.vod_state IN ('processing', 'uploading', 'transcoding') ORDER BY vod.id`
const UPDATE = `
  UPDATE vod SET vod_state = value ->> 'state', percent = value ->> 'percent', note = value ->> 'note',
    checked_at = value ->> 'at'
  FROM json_each(?) WHERE vod.id = value ->> 'id'`
const ALERT = `
  INSERT INTO alert (vod_id, raised_at, message)
  SELECT value ->> 'id', value ->> 'at', value ->> 'message' FROM json_each(?)`

/** Lives as long as the process does: its cache and its batches outlive a cycle. */
export function createMonitor(database: VideoDatabase, scale: number): Monitor {
  const store = memoryStore({ maxBytes: 1_000_000 })
  const cache = { lookUps: 0, loads: 0 }
  const remembered: Remembered = (run, name, ttlMs, load) => {
    cache.lookUps += 1
    return run.cached(name, { ttlMs: ttlMs / scale, store, name }, () => {
      cache.loads += 1
      return load()
    })
  }
  // The same update twice is one: a batch may be repeated.
  const updates = batcher<Update>({
    size: 200,
    everyMs: 1_000,
    summary: 'UPDATE vod',
    db: DB,
    write: (rows) => database.write('vod', rows.length, UPDATE, JSON.stringify(rows)),
  })
  const job = { database, remembered, updates }
  return {
    run: (at, signal) => cycle('video-monitor', (run) => monitor(run, job, at), { signal }),
    status: (signal) => cycle('video-status', (run) => status(run, job), { signal }),
    cache,
    close: () => updates.close(),
  }
}

type Remembered = <T>(run: Run, name: string, ttlMs: number, load: () => Promise<T>) => Promise<T>
type Job = { database: VideoDatabase; remembered: Remembered; updates: ReturnType<typeof batcher<Update>> }

async function monitor(run: Run, job: Job, at: number): Promise<void> {
  const { database, updates } = job
  const { query } = run.db(DB)
  await checkConnection(run, job)
  const settings = await readSettings(run, job)
  const { results } = await run.gather(
    {
      videos: () => query(VIDEOS, () => database.get<VideoCounts>(VIDEOS)),
      transcriptions: () => query(TRANSCRIPTIONS, () => database.get<TranscriptionCounts>(TRANSCRIPTIONS)),
      pending: () => query(PENDING, () => database.all<Pending>(PENDING)),
    },
    { need: 'all' },
  )
  const { videos, transcriptions, pending } = results
  run.expect(videos.pending)

  for (const video of pending) {
    await checkConnection(run, job)
    const { id, title, vod_state: state, percent } = video
    await updates.add({ id, state, percent, note: noteOf(title, video), at })
  }
  const alerts = pending
    .filter((video) => isStuck(video, settings, at))
    .slice(0, settings.most_alerts)
    .map((video) => ({ id: video.id, at, message: alertOf(video.title, video, at) }))
  const raise = () => database.write('alert', alerts.length, ALERT, JSON.stringify(alerts))
  await Promise.all([updates.flush(), alerts.length > 0 && query(ALERT, raise, { batchSize: alerts.length })])

  const result = runOf(at, videos, transcriptions, settings)
  const columns = Object.keys(result)
  const insert = `INSERT INTO monitor_run (${columns}) VALUES (${columns.map(() => '?')})`
  await query(insert, () => database.write('monitor_run', 1, insert, ...Object.values(result)))
  run.items(pending.length)
}

function status(run: Run, { database, remembered }: Job): Promise<VideoCounts> {
  const load = () => run.db(DB).query(VIDEOS, () => database.get<VideoCounts>(VIDEOS))
  return remembered(run, 'status', STATUS_MS, load)
}

async function readSettings(run: Run, { database, remembered }: Job): Promise<Settings> {
  const sql = 'SELECT name, value FROM setting'
  return remembered(run, 'settings', REMEMBERED_MS, async () => {
    const rows = await run.db(DB).query(sql, () => database.all<{ name: string; value: number }>(sql))
    return Object.fromEntries(rows.map(({ name, value }) => [name, value])) as Settings
  })
}

async function checkConnection(run: Run, { database, remembered }: Job): Promise<void> {
  const check = () => run.db(DB).query('SELECT 1', () => database.check())
  if (!(await remembered(run, 'connection', REMEMBERED_MS, check))) throw new Unavailable('no connection')
}
