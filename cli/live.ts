// What the demo shows while it runs. Pure: a state in, text out.

import type { WindowStats } from '#analysis/stats.ts'
import { BUCKETS, type Bucket } from '#model/buckets.ts'
import { formatDuration } from '#model/durations.ts'
import type { CycleRow } from '#storage/cycles.ts'
import { harmless } from './harmless.ts'
import { count, type Look, moment, share, table, tinted } from './output.ts'
import { ourCommand } from './version.ts'

/** `window` is null until the first cycle has ended; `latest` are the newest cycles. */
export type LiveState = {
  now: number
  windowMs: number
  scale: number
  window: WindowStats | null
  latest: CycleRow[]
  apiUrl: string
  ingestUrl: string
}

type Filled = Exclude<WindowStats, { count: 0 }>

const COLOURS: Record<Bucket, 'green' | 'cyan' | 'yellow' | 'red'> = {
  fast: 'green',
  normal: 'cyan',
  slow: 'yellow',
  very_slow: 'red',
}
const BAR_WIDTH = 40

/** A screen for a terminal. */
export function renderLive(state: LiveState, look: Look): string {
  const { window, latest, scale, windowMs, apiUrl, ingestUrl } = state
  const body = window && window.count > 0 ? figures(window as Filled, look) : ['waiting for the first cycle to end …']
  const newest = latest[0]
  return [
    `${tinted('bold', 'Cyclewatch demo', look)}  a coin fetcher and its API, ${scale} times faster than the original`,
    `the last ${formatDuration(windowMs)}, as it is stored in ClickHouse`,
    '',
    ...body,
    '',
    ...(newest ? [table(latest, COLUMNS, look), ''] : []),
    `open  ${tinted('bold', apiUrl, look)}`,
    `send  OTLP traces to ${ingestUrl}/v1/traces`,
    `try   ${ourCommand()} stats`,
    `      ${ourCommand()} cycles --sort slowest`,
    `      ${ourCommand()} cycle ${newest?.traceId ?? 'TRACE_ID'}`,
    'Ctrl-C stops all of it; the data stays',
  ].join('\n')
}

/** One line, for where nothing can be redrawn. */
export function renderLine({ now, window }: LiveState): string {
  if (!window || window.count === 0) return `${moment(now)}  waiting for the first cycle to end`
  const { p50Ms, p95Ms, p99Ms, buckets } = window as Filled
  const percentiles = [
    ['p50', p50Ms],
    ['p95', p95Ms],
    ['p99', p99Ms],
  ].map(([name, ms]) => `${name} ${formatDuration(ms as number)}`)
  const parts = BUCKETS.map((bucket) => `${bucket.replace('_', ' ')} ${share(buckets[bucket].share)}`)
  return `${moment(now)}  ${count(window.count)} cycles  ${percentiles.join(', ')}  ${parts.join(', ')}`
}

/** One line for a moment in which ClickHouse gives no figures. */
export function renderOutage(now: number, reason: string): string {
  return `${moment(now)}  no figures just now: ${harmless(reason)}`
}

function figures({ count: cycles, p50Ms, p95Ms, p99Ms, maxMs, buckets, outcomes }: Filled, look: Look): string[] {
  const numbers = [
    ['cycles', count(cycles)],
    ['p50', formatDuration(p50Ms)],
    ['p95', formatDuration(p95Ms)],
    ['p99', formatDuration(p99Ms)],
    ['max', formatDuration(maxMs)],
    ['ok', share(outcomes.ok.share)],
  ].map(([name, value]) => `${tinted('dim', name as string, look)} ${tinted('bold', value as string, look)}`)
  const bars = BUCKETS.map((bucket) => {
    const { count: inBucket, share: part } = buckets[bucket]
    const bar = '█'.repeat(Math.max(inBucket > 0 ? 1 : 0, Math.round(part * BAR_WIDTH))).padEnd(BAR_WIDTH, '·')
    return `${bucket.replace('_', ' ').padEnd(9)}  ${tinted(COLOURS[bucket], bar, look)}  ${share(part).padStart(6)}  ${count(inBucket).padStart(6)}`
  })
  return [numbers.join('   '), '', ...bars]
}

const COLUMNS = [
  { title: 'ended', cell: ({ endedAt }: CycleRow) => moment(endedAt) },
  { title: 'cycle', cell: ({ cycle }: CycleRow) => cycle },
  { title: 'duration', cell: ({ durationMs }: CycleRow) => formatDuration(durationMs), right: true },
  { title: 'bucket', cell: ({ bucket }: CycleRow) => bucket.replace('_', ' ') },
  { title: 'outcome', cell: ({ outcome }: CycleRow) => outcome },
]
