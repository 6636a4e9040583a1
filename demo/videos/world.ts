// What happens to the videos while the monitor looks on: every cycle finds three new ones, and those of the three cycles
// before one stage further. Nothing is random: both versions of the job see the same.

import type { DatabaseSync } from 'node:sqlite'

/** When the first cycle runs, in epoch milliseconds, and how long after it the next. */
const FIRST_AT = Date.UTC(2026, 10, 2, 9)
export const CYCLE_EVERY_MS = 25_000

const OLD_VIDEOS = 2_000
const SHOWS = 40
const NEW_A_CYCLE = 3
/** It stays in its state: its encoder died three hours before the first cycle. */
const STUCK_VIDEO = OLD_VIDEOS + 1
const STUCK_FOR_MS = 3 * 3_600_000

const STAGES = [
  ['processing', 10],
  ['transcoding', 40],
  ['uploading', 80],
  ['completed', 100],
] as const
const LAST_STAGE = STAGES.length - 1

const SETTINGS = { stuck_after_ms: 2 * 3_600_000, most_alerts: 5, backlog_from: 13 }

/** When the cycle of this number, from 0, runs. */
export function cycleAt(cycle: number): number {
  return FIRST_AT + cycle * CYCLE_EVERY_MS
}

/** Fills empty tables with what there was before the first cycle. */
export function fillVideos(file: DatabaseSync): void {
  inTransaction(file, () => {
    const show = file.prepare('INSERT INTO show (id, title) VALUES (?, ?)')
    for (let id = 0; id < SHOWS; id++) show.run(id, `Show ${id}`)
    const setting = file.prepare('INSERT INTO setting (name, value) VALUES (?, ?)')
    for (const [name, value] of Object.entries(SETTINGS)) setting.run(name, value)
    for (let id = 1; id <= OLD_VIDEOS; id++) addVideo(file, id, LAST_STAGE, FIRST_AT - id * 60_000)
    addVideo(file, STUCK_VIDEO, 1, FIRST_AT - STUCK_FOR_MS)
    for (let cycle = -LAST_STAGE; cycle < 0; cycle++) {
      for (const id of videosOf(cycle)) addVideo(file, id, -1 - cycle, cycleAt(-1))
    }
  })
}

/** What happened since the cycle before. */
export function advanceVideos(file: DatabaseSync, cycle: number): void {
  inTransaction(file, () => {
    for (const id of videosOf(cycle)) addVideo(file, id, 0, cycleAt(cycle))
    const report = file.prepare('UPDATE report SET vod_state = ?, percent = ?, reported_at = ? WHERE vod_id = ?')
    for (let stage = 1; stage <= LAST_STAGE; stage++) {
      for (const id of videosOf(cycle - stage)) report.run(...STAGES[stage as 1], cycleAt(cycle), id)
    }
    const transcribed = file.prepare('UPDATE transcription SET completed_at = ? WHERE vod_id = ?')
    for (const id of videosOf(cycle - LAST_STAGE)) transcribed.run(cycleAt(cycle), id)
  })
}

/** What the monitor is there for: states, notes, alerts and the counts of every run. */
export function deliveredRows(file: DatabaseSync): unknown[] {
  return ['vod', 'alert', 'monitor_run'].flatMap((table) => file.prepare(`SELECT '${table}', * FROM ${table}`).all())
}

function videosOf(cycle: number): number[] {
  const first = STUCK_VIDEO + 1 + (cycle + LAST_STAGE) * NEW_A_CYCLE
  return Array.from({ length: NEW_A_CYCLE }, (_, index) => first + index)
}

function addVideo(file: DatabaseSync, id: number, stage: number, at: number): void {
  const [state, percent] = STAGES[stage as 0]
  const vod = 'INSERT INTO vod (id, show_id, vod_state, percent) VALUES (?, ?, ?, ?)'
  file.prepare(vod).run(id, id % SHOWS, state, percent)
  const report = 'INSERT INTO report (vod_id, vod_state, percent, reported_at) VALUES (?, ?, ?, ?)'
  file.prepare(report).run(id, state, percent, at)
  const isTranscribed = stage === LAST_STAGE && id % 5 !== 0
  file.prepare('INSERT INTO transcription (vod_id, completed_at) VALUES (?, ?)').run(id, isTranscribed ? at : null)
}

function inTransaction(file: DatabaseSync, work: () => void): void {
  file.exec('BEGIN')
  work()
  file.exec('COMMIT')
}
