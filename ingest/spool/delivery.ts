// One segment: read, stored, what is refused or damaged put aside, and replaced by the digests of its bodies.

import { open } from 'node:fs/promises'
import type { Tell } from '#ingest/events.ts'
import { replaceByReceipt, type Segment, segmentPath } from '#ingest/spool/folder.ts'
import { insertIsolating } from '#ingest/spool/isolate.ts'
import { type Guilty, quarantine } from '#ingest/spool/quarantine.ts'
import { type Piece, readPieces } from '#ingest/spool/record.ts'
import type { Reserve } from '#ingest/spool/reserve.ts'
import type { Stage } from '#ingest/spool/stage.ts'
import type { Batch } from '#storage/inserts.ts'

/**
 * Stores whole checked requests; the same token twice stores once. Throws BadInput when one of them is refused,
 * Unavailable when trying again may help.
 */
export type Insert = (batch: Batch, bodies: Iterable<Buffer>) => Promise<void>

/**
 * `onStored` hears of a segment that has become a receipt, `onQuarantined` of one of which something went into
 * quarantine, with the digests of the bodies that may come again.
 */
export type DeliveryOptions = {
  folder: string
  segmentBytes: number
  reserve: Reserve
  insert: Insert
  now: () => number
  tell: Tell
  stage: Stage
  onStored: (segment: Segment) => void
  onQuarantined: (segment: Segment, digests: Buffer[]) => void
}

type Whole = Extract<Piece, { is: 'record' }>

/** A function that stores a segment, or throws and can be called with it again. */
export function createDelivery(options: DeliveryOptions): (segment: Segment) => Promise<void> {
  const { folder, segmentBytes, tell, onStored } = options
  const buffers = segmentBuffers(segmentBytes)
  return async (segment) => {
    const buffer = buffers.take(segment.bytes)
    const file = await readInto(buffer, segmentPath(folder, segment), segment.bytes)
    if (file === null) {
      tell({ kind: 'lost', signal: segment.signal, bytes: segment.bytes })
      onStored(segment)
    } else await store(options, segment, file)
    // Not after a failure: the request that was given up may still be reading it.
    buffers.give(buffer)
  }
}

async function store(options: DeliveryOptions, segment: Segment, file: Buffer): Promise<void> {
  const { insert, tell, stage } = options
  const { signal, encoding } = segment
  const pieces = [...readPieces(file)]
  const records = pieces.filter((piece): piece is Whole => piece.is === 'record')
  const started = performance.now()
  stage('posting')
  const refused = await insertIsolating(records, `cyclewatch-${segment.id}`, (some, token) =>
    insert(
      { signal, encoding, token },
      some.map(({ body }) => body),
    ),
  )
  const ms = performance.now() - started
  const guilty = [...refused.map(toGuilty), ...pieces.flatMap(toDamaged)]
  const refusedRecords = new Set(refused.map(({ body }) => body))
  const stored = records.filter((record) => !refusedRecords.has(record))
  await settle(
    options,
    segment,
    guilty,
    stored.map(({ digest }) => digest),
  )
  if (guilty.length > 0)
    options.onQuarantined(
      segment,
      [...refusedRecords].map(({ digest }) => digest),
    )
  const items = stored.reduce((sum, record) => sum + record.items, 0)
  tell({ kind: 'inserted', signal, bytes: segment.bytes, items, ms })
  for (const { bytes, reason } of guilty) tell({ kind: 'quarantined', signal, bytes: bytes.length, reason })
}

/** Leaves of the segment what is to be kept, and no more. */
async function settle(
  { folder, reserve, now, stage, onStored }: DeliveryOptions,
  segment: Segment,
  guilty: Guilty[],
  digests: Buffer[],
): Promise<void> {
  for (const one of guilty) await reserve.write(() => quarantine(folder, segment, one, now()))
  await reserve.write(() => replaceByReceipt(folder, segment, digests, stage))
  await reserve.restore()
  onStored(segment)
}

function toGuilty({ body: { at, body }, reason }: { body: Whole; reason: string }): Guilty {
  return { position: at, bytes: body, reason, damaged: false }
}

function toDamaged(piece: Piece): Guilty[] {
  if (piece.is !== 'damaged') return []
  return [{ position: piece.at, bytes: piece.bytes, reason: 'it was damaged on disk', damaged: true }]
}

/** The first `length` bytes of a file, or what it has of them; null when somebody has removed it. */
async function readInto(buffer: Buffer, path: string, length: number): Promise<Buffer | null> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (file === null) return null
  try {
    let at = 0
    for (let read = 1; read > 0 && at < length; at += read) {
      read = (await file.read(buffer, at, length - at, at)).bytesRead
    }
    return buffer.subarray(0, at)
  } finally {
    await file.close()
  }
}

/** Memory of this size that is used again: the garbage collector takes its time with large buffers. Bodies have theirs. */
function segmentBuffers(usualBytes: number): { take(bytes: number): Buffer; give(buffer: Buffer): void } {
  const free: Buffer[] = []
  const size = usualBytes + usualBytes / 4
  return {
    take: (bytes) => (bytes > size ? Buffer.allocUnsafeSlow(bytes) : (free.pop() ?? Buffer.allocUnsafeSlow(size))),
    give(buffer) {
      if (buffer.length === size && free.length < KEPT) free.push(buffer)
    },
  }
}

const KEPT = 2
