// The spool on disk: `*.segment` holds bodies that are not stored yet, `*.stored` the digests of those that are,
// `quarantine/` what ClickHouse refuses. One process at a time.

import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DIGEST_BYTES } from '#ingest/spool/digest.ts'
import { Unavailable } from '#model/errors.ts'
import { holdFolder } from '#storage/hold.ts'
import { ENCODINGS, type Encoding, SIGNALS, type Signal } from '#storage/signals.ts'

/** `id` is unique over all spools and begins with when the segment was begun, so that names sort by age. */
export type SegmentName = { id: string; signal: Signal; encoding: Encoding }

/**
 * A segment nothing will be added to; `bytes` of its file count, whatever may lie behind them. A `full` one need not
 * wait for others to be stored.
 */
export type Segment = SegmentName & { bytes: number; full: boolean }

export function segmentName(signal: Signal, encoding: Encoding, now: number, random: string): SegmentName {
  return { id: `${String(now).padStart(13, '0')}-${random}`, signal, encoding }
}

/** Epoch milliseconds at which a segment was begun. */
export function begunAt({ id }: SegmentName): number {
  return Number.parseInt(id, 10)
}

export function segmentPath(folder: string, name: SegmentName): string {
  return join(folder, `${stem(name)}.segment`)
}

/** What lies in the folder, oldest first. Throws Unavailable when it cannot be read. */
export function listSpool(folder: string): { segments: Segment[]; receipts: SegmentName[] } {
  const files = attempt(folder, () => readdirSync(folder).sort())
  const named = files.flatMap((file) => parseName(file) ?? [])
  return {
    segments: named.filter(({ kind }) => kind === 'segment').flatMap(({ name }) => withSize(folder, name)),
    receipts: named.filter(({ kind }) => kind === 'stored').map(({ name }) => name),
  }
}

/** Whoever only looks may find that the process that stores them has removed it meanwhile. */
function withSize(folder: string, name: SegmentName): Segment[] {
  const found = attempt(folder, () => statSync(segmentPath(folder, name), { throwIfNoEntry: false }))
  return found ? [{ ...name, bytes: found.size, full: true }] : []
}

const NAME = new RegExp(
  `^(\\d{13}-[0-9a-f]{8})\\.(${SIGNALS.join('|')})\\.(${ENCODINGS.join('|')})\\.(segment|stored)$`,
)

function parseName(file: string): { kind: string; name: SegmentName } | null {
  const [, id, signal, encoding, kind] = NAME.exec(file) ?? []
  if (id === undefined || kind === undefined) return null
  return { kind, name: { id, signal: signal as Signal, encoding: encoding as Encoding } }
}

function stem({ id, signal, encoding }: SegmentName): string {
  return `${id}.${signal}.${encoding}`
}

export function receiptPath(folder: string, name: SegmentName): string {
  return join(folder, `${stem(name)}.stored`)
}

/** Replaces a stored segment by the list of its digests. Whenever this is cut off, either file says the whole truth. */
export async function replaceByReceipt(
  folder: string,
  name: SegmentName,
  digests: Buffer[],
  stage: (name: 'stored') => void,
): Promise<void> {
  await writeDurably(receiptPath(folder, name), Buffer.concat(digests))
  stage('stored')
  await rm(segmentPath(folder, name), { force: true })
}

/** The digests of a stored segment. */
export async function readReceipt(folder: string, name: SegmentName): Promise<Buffer[]> {
  const bytes = await readFile(receiptPath(folder, name))
  return Array.from({ length: Math.floor(bytes.length / DIGEST_BYTES) }, (_, index) =>
    bytes.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES),
  )
}

export async function removeReceipt(folder: string, name: SegmentName): Promise<void> {
  await rm(receiptPath(folder, name), { force: true })
}

/** A file that is there whole, also after a power failure, or not at all. */
export async function writeDurably(path: string, content: Buffer): Promise<void> {
  const draft = `${path}.draft`
  await withFile(draft, 'w', async (file) => {
    await file.writeFile(content)
    await file.datasync()
  })
  await rename(draft, path)
  await syncFolder(dirname(path))
}

/** A new file in a folder lasts only when the folder has been synced too. */
export async function syncFolder(folder: string): Promise<void> {
  await withFile(folder, 'r', (file) => file.sync())
}

async function withFile(path: string, flags: string, use: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, flags, 0o600)
  try {
    await use(file)
  } finally {
    await file.close()
  }
}

/** Makes the folder and holds it. Throws Unavailable when it cannot be written or another process has it. */
export function holdSpool(folder: string): { release(): void } {
  attempt(folder, () => mkdirSync(quarantineFolder(folder), { recursive: true, mode: 0o700 }))
  return holdFolder(folder, `the spool ${folder} is in use by another Cyclewatch`)
}

export function quarantineFolder(folder: string): string {
  return join(folder, 'quarantine')
}

function attempt<Result>(folder: string, use: () => Result): Result {
  try {
    return use()
  } catch (cause) {
    throw new Unavailable(`the spool ${folder} cannot be used: ${(cause as Error).message}`, { cause })
  }
}
