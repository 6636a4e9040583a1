// What the monitor makes of what it reads: the same in both versions of the job. Pure.

export type Settings = { stuck_after_ms: number; most_alerts: number; backlog_from: number }

/** What an encoder said last of a video. Times are epoch milliseconds. */
export type Report = { vod_state: string; percent: number; reported_at: number }

export type VideoCounts = { total: number; completed: number; pending: number }
export type TranscriptionCounts = { transcriptions: number; transcribed: number; untranscribed: number }
export type MonitorRun = VideoCounts & TranscriptionCounts & { at: number; backlog: number }

export function noteOf(title: string, { vod_state, percent }: Report): string {
  return `${title}: ${vod_state}, ${percent} %`
}

export function isStuck({ reported_at }: Report, { stuck_after_ms }: Settings, at: number): boolean {
  return at - reported_at > stuck_after_ms
}

export function alertOf(title: string, { vod_state, reported_at }: Report, at: number): string {
  return `${title} has been ${vod_state} without news for ${Math.round((at - reported_at) / 60_000)} min`
}

export function runOf(
  at: number,
  videos: VideoCounts,
  transcriptions: TranscriptionCounts,
  { backlog_from }: Settings,
): MonitorRun {
  return { at, ...videos, ...transcriptions, backlog: videos.pending >= backlog_from ? 1 : 0 }
}
