// Bodies that were accepted and are not stored yet, safe on disk: what was answered with 200 survives whatever dies.

import type { Tell } from '#ingest/events.ts'
import { createDelivery, type Insert } from '#ingest/spool/delivery.ts'
import { digestOf } from '#ingest/spool/digest.ts'
import { rememberDigests } from '#ingest/spool/digests.ts'
import { holdSpool, type SegmentName } from '#ingest/spool/folder.ts'
import { each, type Line, startLine } from '#ingest/spool/line.ts'
import { quarantineBytes } from '#ingest/spool/quarantine.ts'
import { keepReceipts } from '#ingest/spool/receipts.ts'
import { HEADER_BYTES } from '#ingest/spool/record.ts'
import { readLeft, rememberRecent } from '#ingest/spool/recovery.ts'
import { keepReserve, type Reserve } from '#ingest/spool/reserve.ts'
import type { Backlog } from '#ingest/spool/sender.ts'
import type { Stage } from '#ingest/spool/stage.ts'
import type { Arriving } from '#ingest/spool/writer.ts'
import { Unavailable } from '#model/errors.ts'
import { formatSize } from '#model/sizes.ts'
import { ENCODINGS, type Encoding, SIGNALS, type Signal } from '#storage/signals.ts'

/** `limitBytes` bounds what waits and what is quarantined together; `stage` lets a test crash between two steps. */
export type SpoolOptions = {
  folder: string
  limitBytes: number
  insert: Insert
  tell: Tell
  segmentBytes?: number
  now?: () => number
  random?: () => number
  stage?: Stage
}

export type SpoolState = { limitBytes: number; quarantinedBytes: number; waiting: Record<Signal, Backlog> }

export type Spool = {
  /**
   * Resolves when the body is on disk, or was already (`repeated`). Throws Unavailable, and keeps nothing of it, when
   * the spool is full or cannot be written.
   */
  accept(signal: Signal, encoding: Encoding, checked: Omit<Arriving, 'digest'>): Promise<'written' | 'repeated'>
  state(): SpoolState
  /** Stores what it can in five seconds and leaves the rest to the next process. */
  close(): Promise<void>
}

/** An insert of 90,000 spans: what it costs besides hardly matters then, and two of them are no burden on memory. */
const SEGMENT_BYTES = 32 * 2 ** 20
const CLOSING_MS = 5_000
/** Somebody may have emptied the quarantine. */
const LOOK_MS = 5_000

type Lines = Record<Signal, Line>

/** Takes over what an earlier process left. Throws Unavailable when the folder cannot be used or another process does. */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { folder, limitBytes, segmentBytes = SEGMENT_BYTES, now = Date.now, random = Math.random } = options
  const { stage = () => {} } = options
  await using parts = new AsyncDisposableStack()
  const lock = holdSpool(folder)
  parts.defer(() => lock.release())
  const digests = each(SIGNALS, () => each(ENCODINGS, () => rememberDigests(now)))
  const digestsOf = ({ signal, encoding }: SegmentName) => digests[signal][encoding]

  const left = await readLeft(folder)
  const reserve = await keepReserve(folder)
  const receipts = await keepReceipts(folder, left.receipts, digestsOf, now)
  parts.defer(() => receipts.close())
  await rememberRecent(folder, left.segments, digestsOf, now())

  const quarantined = sizeOfQuarantine(folder)
  const around = { ...options, segmentBytes, now, random, stage }
  const onQuarantined = (segment: SegmentName, refused: Buffer[]) => {
    quarantined.look()
    for (const digest of refused) digestsOf(segment).forget(digest)
  }
  const deliver = createDelivery({ ...around, reserve, onStored: receipts.add, onQuarantined })
  const lines = each(SIGNALS, (signal) => startLine(signal, { ...around, digests: digests[signal], deliver }))
  parts.defer(() => finish(lines))
  for (const segment of left.segments) lines[segment.signal].enqueue(segment)

  const waiting = () => each(SIGNALS, (signal) => lines[signal].state())
  const state = (): SpoolState => ({ limitBytes, quarantinedBytes: quarantined.bytes(), waiting: waiting() })
  const looking = setInterval(quarantined.look, LOOK_MS).unref()
  parts.defer(() => clearInterval(looking))
  const running = parts.move()
  return { state, accept: acceptInto(lines, state, reserve), close: () => running.disposeAsync() }
}

async function finish(lines: Lines): Promise<void> {
  await Promise.all(Object.values(lines).map((line) => line.finish(CLOSING_MS)))
}

/** Asked for with each request, so it is counted only when there is more. */
function sizeOfQuarantine(folder: string): { bytes(): number; look(): void } {
  let bytes = quarantineBytes(folder)
  return {
    bytes: () => bytes,
    look() {
      bytes = quarantineBytes(folder)
    },
  }
}

function acceptInto(lines: Lines, state: () => SpoolState, reserve: Reserve): Spool['accept'] {
  let arriving = 0
  return async (signal, encoding, checked) => {
    const accepted = { ...checked, digest: digestOf(checked.body) }
    if (reserve.isSpent()) await refuseOnFullDisk(reserve)
    // From here to the write nothing may wait, or two of the same could pass.
    const seen = lines[signal].find(encoding, accepted)
    if (seen !== null) return seen.then(() => 'repeated')
    const bytes = HEADER_BYTES + accepted.body.length
    refuseWhenFull(state(), arriving + bytes)
    arriving += bytes
    try {
      await lines[signal].write(encoding, accepted)
      return 'written'
    } finally {
      arriving -= bytes
    }
  }
}

async function refuseOnFullDisk(reserve: Reserve): Promise<void> {
  await reserve.restore()
  if (reserve.isSpent()) throw new Unavailable('the disk that the spool is on is full')
}

/** `arriving` are the bytes that would come to those it knows. */
function refuseWhenFull({ limitBytes, quarantinedBytes, waiting }: SpoolState, arriving: number): void {
  const used = Object.values(waiting).reduce((sum, { bytes }) => sum + bytes, quarantinedBytes)
  if (used + arriving <= limitBytes) return
  throw new Unavailable(
    `the spool is full (${formatSize(used)} of ${formatSize(limitBytes)}, ingest.spoolBytes) until ClickHouse takes more`,
  )
}
