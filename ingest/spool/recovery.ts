// What an earlier process left in the spool, however it ended.

import { readFile, rm, stat } from 'node:fs/promises'
import { type Digests, KEPT_MS } from '#ingest/spool/digests.ts'
import { listSpool, type Segment, type SegmentName, segmentPath } from '#ingest/spool/folder.ts'
import { readPieces } from '#ingest/spool/record.ts'

/** The receipts, and the segments that are still to be stored; what was stored already is removed. */
export async function readLeft(folder: string): Promise<{ receipts: SegmentName[]; segments: Segment[] }> {
  const { segments, receipts } = listSpool(folder)
  const stored = new Set(receipts.map(({ id }) => id))
  const isDone = ({ id, bytes }: Segment) => bytes === 0 || stored.has(id)
  for (const segment of segments.filter(isDone)) await rm(segmentPath(folder, segment), { force: true })
  return { receipts, segments: segments.filter((segment) => !isDone(segment)) }
}

/** Remembers the bodies that senders may be sending again. Torn ends were never answered: nobody remembers them. */
export async function rememberRecent(
  folder: string,
  segments: Segment[],
  digestsOf: (name: SegmentName) => Digests,
  now: number,
): Promise<void> {
  for (const segment of segments) {
    const path = segmentPath(folder, segment)
    if ((await stat(path)).mtimeMs < now - KEPT_MS) continue
    for (const piece of readPieces(await readFile(path))) {
      if (piece.is === 'record') digestsOf(segment).addKnown(piece.digest)
    }
  }
}
