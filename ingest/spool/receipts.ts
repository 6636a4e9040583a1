// The digests of stored bodies on disk, for the process that comes next.

import { stat } from 'node:fs/promises'
import { type Digests, KEPT_MS } from '#ingest/spool/digests.ts'
import { readReceipt, receiptPath, removeReceipt, type SegmentName } from '#ingest/spool/folder.ts'

const SWEEP_MS = 5_000

export type Receipts = {
  /** Takes over the receipt that a segment has just become, and removes it when nobody asks for it any more. */
  add(name: SegmentName): void
  close(): void
}

/** Starts with the receipts an earlier process left. `digestsOf` is where those of a segment are remembered. */
export async function keepReceipts(
  folder: string,
  found: SegmentName[],
  digestsOf: (name: SegmentName) => Digests,
  now: () => number,
): Promise<Receipts> {
  /** Epoch milliseconds until which each is kept. */
  const kept = new Map<SegmentName, number>()
  for (const name of found) {
    const { mtimeMs } = await stat(receiptPath(folder, name))
    kept.set(name, mtimeMs + KEPT_MS)
    for (const digest of await readReceipt(folder, name)) digestsOf(name).addKnown(digest)
  }
  const timer = setInterval(() => {
    for (const [name, until] of kept) {
      if (until > now()) continue
      kept.delete(name)
      // One that stays is found at the next start.
      removeReceipt(folder, name).catch(() => {})
    }
  }, SWEEP_MS).unref()
  return {
    add: (name) => kept.set(name, now() + KEPT_MS),
    close: () => clearInterval(timer),
  }
}
