// Bodies that were accepted and are not stored yet, safe on disk: what was answered with 200 survives whatever dies.

import type { Tell } from '#ingest/events.ts'
import { createDelivery, type Insert } from '#ingest/spool/delivery.ts'
import { type Digests, rememberDigests } from '#ingest/spool/digests.ts'
import { holdSpool, type Segment, type SegmentName } from '#ingest/spool/folder.ts'
import { quarantineBytes } from '#ingest/spool/quarantine.ts'
import { keepReceipts } from '#ingest/spool/receipts.ts'
import { type Accepted, HEADER_BYTES } from '#ingest/spool/record.ts'
import { readLeft, rememberRecent } from '#ingest/spool/recovery.ts'
import { type Backlog, type Sender, startSender } from '#ingest/spool/sender.ts'
import type { Stage } from '#ingest/spool/stage.ts'
import { createWriter, type Writer } from '#ingest/spool/writer.ts'
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
  accept(signal: Signal, encoding: Encoding, accepted: Accepted): Promise<'written' | 'repeated'>
  state(): SpoolState
  /** Stores what it can in five seconds and leaves the rest to the next process. */
  close(): Promise<void>
}

/** An insert of 50,000 spans: large enough for ClickHouse, and two of them are no burden on memory. */
const SEGMENT_BYTES = 16 * 2 ** 20
const CLOSING_MS = 5_000

/** One signal: bodies are written by encoding and sent by one sender. */
type Line = { sender: Sender; writers: Record<Encoding, Writer>; digests: Record<Encoding, Digests> }

/** Takes over what an earlier process left. Throws Unavailable when the folder cannot be used or another process does. */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { folder, limitBytes, insert, tell, segmentBytes = SEGMENT_BYTES } = options
  const { now = Date.now, random = Math.random, stage = () => {} } = options
  await using parts = new AsyncDisposableStack()
  const lock = holdSpool(folder)
  parts.defer(() => lock.release())
  const digests = each(SIGNALS, () => each(ENCODINGS, rememberDigests))
  const digestsOf = ({ signal, encoding }: SegmentName) => digests[signal][encoding]

  const left = await readLeft(folder)
  const receipts = await keepReceipts(folder, left.receipts, digestsOf, now)
  parts.defer(() => receipts.close())
  await rememberRecent(folder, left.segments, digestsOf, now())

  let quarantinedBytes = quarantineBytes(folder)
  const onQuarantined = () => {
    quarantinedBytes = quarantineBytes(folder)
  }
  const onStored = receipts.add
  const deliver = createDelivery({ folder, segmentBytes, insert, now, tell, stage, onStored, onQuarantined })
  const lines = each(SIGNALS, (signal): Line => {
    const onComplete = (segment: Segment) => sender.enqueue(segment)
    const writers = each(ENCODINGS, (encoding) =>
      createWriter({ folder, signal, encoding, segmentBytes, now, stage, onComplete }),
    )
    const sender = startSender({ signal, writers: Object.values(writers), segmentBytes, deliver, tell, random })
    return { sender, writers, digests: digests[signal] }
  })
  parts.defer(async () => {
    await Promise.all(Object.values(lines).map(({ sender }) => sender.finish(CLOSING_MS)))
  })
  for (const segment of left.segments) lines[segment.signal].sender.enqueue(segment)

  const state = (): SpoolState => ({
    limitBytes,
    quarantinedBytes,
    waiting: each(SIGNALS, (signal) => lines[signal].sender.state()),
  })
  const running = parts.move()
  return {
    state,
    async accept(signal, encoding, accepted) {
      refuseWhenFull(state(), accepted)
      return acceptInto(lines[signal], encoding, accepted)
    },
    close: () => running.disposeAsync(),
  }
}

async function acceptInto(line: Line, encoding: Encoding, accepted: Accepted): Promise<'written' | 'repeated'> {
  const digests = line.digests[encoding]
  const seen = digests.find(accepted.digest)
  if (seen !== null) {
    await seen
    return 'repeated'
  }
  const written = line.writers[encoding].append(accepted)
  digests.add(accepted.digest, written)
  await written
  line.sender.wake()
  return 'written'
}

function refuseWhenFull({ limitBytes, quarantinedBytes, waiting }: SpoolState, { body }: Accepted): void {
  const used = Object.values(waiting).reduce((sum, { bytes }) => sum + bytes, quarantinedBytes)
  if (used + HEADER_BYTES + body.length <= limitBytes) return
  throw new Unavailable(
    `the spool is full (${formatSize(used)} of ${formatSize(limitBytes)}, ingest.spoolBytes) until ClickHouse takes more`,
  )
}

function each<Key extends string, Value>(keys: readonly Key[], make: (key: Key) => Value): Record<Key, Value> {
  return Object.fromEntries(keys.map((key) => [key, make(key)])) as Record<Key, Value>
}
