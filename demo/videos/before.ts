// The video monitor as its team had it: three counts as three queries, twice, one query for each thing it needs to know
// of a video, one commit for each row, and a look at the connection before each piece of work.

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

type Vod = { id: number; show_id: number }

/** One monitoring cycle. `at` in epoch milliseconds. */
export async function monitorBefore(database: VideoDatabase, at: number): Promise<void> {
  const settings = await readSettings(database)
  const { pending, ...videos } = await readVideos(database)
  const transcriptions = await countTranscriptions(database)
  let alerts = 0
  for (const { id, show_id } of pending) {
    await checkConnection(database)
    const { title } = await database.get<{ title: string }>('SELECT title FROM show WHERE id = ?', show_id)
    const report = await database.get<Report>('SELECT * FROM report WHERE vod_id = ?', id)
    const update = 'UPDATE vod SET vod_state = ?, percent = ?, note = ?, checked_at = ? WHERE id = ?'
    await database.write('vod', 1, update, report.vod_state, report.percent, noteOf(title, report), at, id)
    if (!isStuck(report, settings, at) || alerts >= settings.most_alerts) continue
    alerts += 1
    const insert = 'INSERT INTO alert (vod_id, raised_at, message) VALUES (?, ?, ?)'
    await database.write('alert', 1, insert, id, at, alertOf(title, report, at))
  }
  const run = runOf(at, { ...videos, pending: pending.length }, transcriptions, settings)
  const columns = Object.keys(run)
  const insert = `INSERT INTO monitor_run (${columns}) VALUES (${columns.map(() => '?')})`
  await database.write('monitor_run', 1, insert, ...Object.values(run))
}

/** What a user sees of it. */
export async function statusBefore(database: VideoDatabase): Promise<VideoCounts> {
  const { pending, ...videos } = await readVideos(database)
  return { ...videos, pending: pending.length }
}

async function readSettings(database: VideoDatabase): Promise<Settings> {
  const read = async (name: keyof Settings) =>
    (await database.get<{ value: number }>('SELECT value FROM setting WHERE name = ?', name)).value
  return {
    stuck_after_ms: await read('stuck_after_ms'),
    most_alerts: await read('most_alerts'),
    backlog_from: await read('backlog_from'),
  }
}

async function readVideos(database: VideoDatabase): Promise<Omit<VideoCounts, 'pending'> & { pending: Vod[] }> {
  await checkConnection(database)
  const states = "('processing', 'uploading', 'transcoding')"
  return {
    pending: await database.all<Vod>(`SELECT * FROM vod WHERE vod_state IN ${states} ORDER BY id`),
    total: await count(database, 'SELECT count(*) AS n FROM vod'),
    completed: await count(database, "SELECT count(*) AS n FROM vod WHERE vod_state = 'completed'"),
  }
}

async function countTranscriptions(database: VideoDatabase): Promise<TranscriptionCounts> {
  await checkConnection(database)
  const where = 'SELECT count(*) AS n FROM transcription WHERE completed_at'
  return {
    transcriptions: await count(database, 'SELECT count(*) AS n FROM transcription'),
    transcribed: await count(database, `${where} IS NOT NULL`),
    untranscribed: await count(database, `${where} IS NULL`),
  }
}

async function count(database: VideoDatabase, sql: string): Promise<number> {
  return (await database.get<{ n: number }>(sql)).n
}

async function checkConnection(database: VideoDatabase): Promise<void> {
  if (!(await database.check())) throw new Error('no connection')
}
