// The digests of stored bodies, on disk and in memory for ten minutes: longer than a sender keeps trying.

import { stat } from 'node:fs/promises'
import type { Digests } from '#ingest/spool/digests.ts'
import { readReceipt, receiptPath, removeReceipt, type SegmentName } from '#ingest/spool/folder.ts'

const KEPT_MS = 600_000
const SWEEP_MS = 5_000

export type Receipts = {
  /** Remembers that the segment has just become a receipt. */
  add(name: SegmentName): void
  /** Forgets what has been kept long enough; called from time to time by itself. */
  sweep(): Promise<void>
  close(): void
}

/** Starts with the receipts an earlier process left. `digestsOf` is where those of a segment are remembered. */
export async function keepReceipts(
  folder: string,
  found: SegmentName[],
  digestsOf: (name: SegmentName) => Digests,
  now: () => number,
): Promise<Receipts> {
  const kept = new Map<string, { name: SegmentName; until: number }>()
  for (const name of found) {
    const { mtimeMs } = await stat(receiptPath(folder, name))
    kept.set(name.id, { name, until: mtimeMs + KEPT_MS })
    for (const digest of await readReceipt(folder, name)) digestsOf(name).addKnown(digest)
  }

  async function sweep(): Promise<void> {
    for (const [id, { name, until }] of kept) {
      if (until > now()) continue
      kept.delete(id)
      for (const digest of await readReceipt(folder, name).catch(() => [])) digestsOf(name).forget(digest)
      await removeReceipt(folder, name).catch(() => {})
    }
  }

  const timer = setInterval(sweep, SWEEP_MS).unref()
  return {
    add: (name) => kept.set(name.id, { name, until: now() + KEPT_MS }),
    sweep,
    close: () => clearInterval(timer),
  }
}
