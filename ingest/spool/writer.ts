// Bodies of one signal and encoding on their way into a segment: whatever waits is written and synced together (group
// commit), so that many small senders cost as few syncs as one large one.

import { randomBytes } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { begunAt, type Segment, type SegmentName, segmentName, segmentPath, syncFolder } from '#ingest/spool/folder.ts'
import { type Accepted, HEADER_BYTES, headerOf } from '#ingest/spool/record.ts'
import type { Stage } from '#ingest/spool/stage.ts'
import { messageOf, Unavailable } from '#model/errors.ts'
import type { Encoding, Signal } from '#storage/signals.ts'

/** `days` are those on which its items lie. */
export type Arriving = Accepted & { days: readonly number[] }

export type Writer = {
  /** Resolves when the body is on disk. Throws Unavailable when it cannot be written; then nothing of it stays. */
  append(accepted: Arriving): Promise<void>
  /** Of the segment that is being written; 0 while there is none. */
  openBytes(): number
  /** Epoch milliseconds at which the segment that is being written was begun, if there is anything in it. */
  openSince(): number | null
  /** Completes the segment that is being written, if there is one. */
  seal(): Promise<void>
}

/** `onComplete` takes over each segment that has become full, at `segmentBytes`, or was sealed. */
export type WriterOptions = {
  folder: string
  signal: Signal
  encoding: Encoding
  segmentBytes: number
  now: () => number
  stage: Stage
  onComplete: (segment: Segment) => void
}

/** From one commit to the next: a commit costs as much processor time as reading and checking a large body. */
const COMMIT_EVERY_MS = 10

/** Of one segment. Empty items take next to no bytes on their way, and then memory as all others do. */
const MOST_ITEMS = 500_000
/** Each makes a part in ClickHouse, which takes no more than a thousand at once; the last body may add as many as 366. */
const MOST_DAYS = 600

/** `bytes` are committed; `dirty` says that behind them may lie what was refused. */
type Open = { name: SegmentName; file: FileHandle; bytes: number; items: number; days: Set<number>; dirty: boolean }
type Waiting = { accepted: Arriving; resolve: () => void; reject: (error: unknown) => void }

type Writing = WriterOptions & {
  current: Open | null
  waiting: Waiting[]
  sealing: boolean
  committing: Promise<void> | null
  committedAt: number
}

export function createWriter(options: WriterOptions): Writer {
  const line: Writing = {
    ...options,
    current: null,
    waiting: [],
    sealing: false,
    committing: null,
    committedAt: Number.NEGATIVE_INFINITY,
  }
  return {
    append(accepted) {
      const written = new Promise<void>((resolve, reject) => line.waiting.push({ accepted, resolve, reject }))
      line.committing ??= work(line)
      return written
    },
    openBytes: () => line.current?.bytes ?? 0,
    openSince: () => (line.current === null || line.current.bytes === 0 ? null : begunAt(line.current.name)),
    async seal() {
      line.sealing = true
      line.committing ??= work(line)
      await line.committing
    },
  }
}

/** Whatever touches the file is done here, one after the other. */
async function work(line: Writing): Promise<void> {
  try {
    while (line.waiting.length > 0 || line.sealing) {
      if (line.waiting.length > 0) await commitBatch(line)
      if (line.current !== null && (line.sealing || isFull(line, line.current))) await complete(line, line.current)
      line.sealing = false
    }
  } finally {
    line.sealing = false
    line.committing = null
  }
}

/** Whoever comes alone is written at once; what comes meanwhile shares the next commit. */
async function commitBatch(line: Writing): Promise<void> {
  const { waiting, segmentBytes, stage } = line
  const early = line.committedAt + COMMIT_EVERY_MS - performance.now()
  if (early > 0) await delay(early)
  line.committedAt = performance.now()
  const batch = waiting.splice(0, fitting(waiting, line.current, segmentBytes))
  try {
    line.current ??= await openSegment(line)
    await commit(line.current, batch, stage)
    for (const { resolve } of batch) resolve()
  } catch (cause) {
    // Also to give back what the half that was written takes of a full disk.
    if (line.current !== null) await clean(line.current).catch(() => {})
    const error = new Unavailable(`the spool cannot be written: ${messageOf(cause)}`, { cause })
    for (const { reject } of batch) reject(error)
  }
}

function isFull({ segmentBytes }: Writing, { bytes, items, days }: Open): boolean {
  return bytes >= segmentBytes || items >= MOST_ITEMS || days.size >= MOST_DAYS
}

async function complete(line: Writing, segment: Open): Promise<void> {
  await clean(segment)
  line.current = null
  line.onComplete({ ...segment.name, bytes: segment.bytes, full: isFull(line, segment) })
  // It is synced: what closing has to say is of no consequence.
  await segment.file.close().catch(() => {})
}

/** How many of those that wait go into the segment; at least one. */
function fitting(waiting: Waiting[], segment: Open | null, segmentBytes: number): number {
  let { bytes, items } = segment ?? { bytes: 0, items: 0 }
  const days = new Set(segment?.days)
  const beyond = waiting.findIndex(({ accepted }) => {
    bytes += HEADER_BYTES + accepted.body.length
    items += accepted.items
    for (const day of accepted.days) days.add(day)
    return bytes > segmentBytes || items > MOST_ITEMS || days.size > MOST_DAYS
  })
  return beyond < 0 ? waiting.length : Math.max(1, beyond)
}

async function openSegment({ folder, signal, encoding, now }: WriterOptions): Promise<Open> {
  const name = segmentName(signal, encoding, now(), randomBytes(4).toString('hex'))
  const file = await open(segmentPath(folder, name), 'wx', 0o600)
  await syncFolder(folder)
  return { name, file, bytes: 0, items: 0, days: new Set(), dirty: false }
}

async function commit(segment: Open, batch: Waiting[], stage: Stage): Promise<void> {
  const parts = batch.flatMap(({ accepted }) => [headerOf(accepted), accepted.body])
  await clean(segment)
  segment.dirty = true
  await writeAll(segment.file, parts, segment.bytes)
  stage('written')
  await segment.file.datasync()
  stage('synced')
  segment.dirty = false
  for (const { accepted } of batch) {
    segment.items += accepted.items
    for (const day of accepted.days) segment.days.add(day)
  }
  segment.bytes += parts.reduce((sum, part) => sum + part.length, 0)
}

/** What was refused must not come back with the next start. */
async function clean(segment: Open): Promise<void> {
  if (!segment.dirty) return
  await segment.file.truncate(segment.bytes)
  segment.dirty = false
}

/** On a disk that fills up a write can end early without an error. */
async function writeAll(file: FileHandle, parts: Buffer[], position: number): Promise<void> {
  let rest = parts
  for (let at = position; rest.length > 0; ) {
    const { bytesWritten } = await file.writev(rest.slice(0, MOST_PARTS), at)
    at += bytesWritten
    rest = without(rest, bytesWritten)
  }
}

/** The kernel takes no more at once (IOV_MAX). */
const MOST_PARTS = 1_024

function without(parts: Buffer[], written: number): Buffer[] {
  let left = written
  const first = parts.findIndex((part) => {
    if (part.length > left) return true
    left -= part.length
    return false
  })
  if (first < 0) return []
  return left === 0 ? parts.slice(first) : [(parts[first] as Buffer).subarray(left), ...parts.slice(first + 1)]
}
