// What ClickHouse refuses, and what was damaged on disk: kept with the reason, out of the way of everything else.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { quarantineFolder, type SegmentName, writeDurably } from '#ingest/spool/folder.ts'
import type { Encoding, Signal } from '#storage/signals.ts'

/** `file` holds the bytes as they would be sent, unless they are `damaged`; `at` is RFC 3339. */
export type Quarantined = {
  file: string
  at: string
  signal: Signal
  encoding: Encoding
  bytes: number
  reason: string
  damaged: boolean
}

/** A body, or damaged bytes, of a segment: `position` tells those of one segment apart, also after a retry. */
export type Guilty = { position: number; bytes: Buffer; reason: string; damaged: boolean }

const ENDINGS: Record<Encoding, string> = { protobuf: 'pb', json: 'json' }

/** Writes one guilty body and why. Doing so again changes nothing. */
export async function quarantine(folder: string, name: SegmentName, guilty: Guilty, now: number): Promise<void> {
  const { position, bytes, reason, damaged } = guilty
  const { id, signal, encoding } = name
  const base = join(quarantineFolder(folder), `${id}-${position}.${signal}`)
  const file = `${base}.${damaged ? 'damaged' : ENDINGS[encoding]}`
  await writeDurably(file, bytes)
  const note: Quarantined = {
    file,
    at: new Date(now).toISOString(),
    signal,
    encoding,
    bytes: bytes.length,
    reason,
    damaged,
  }
  await writeDurably(`${base}.reason.json`, Buffer.from(`${JSON.stringify(note, null, 2)}\n`))
}

/** What lies in quarantine, oldest first. */
export function listQuarantine(folder: string): Quarantined[] {
  const place = quarantineFolder(folder)
  return namesIn(place)
    .filter((file) => file.endsWith('.reason.json'))
    .sort()
    .flatMap((file) => readNote(join(place, file)))
}

/** None where somebody has removed it meanwhile, or has damaged it. */
function readNote(path: string): Quarantined[] {
  try {
    return [JSON.parse(readFileSync(path, 'utf8')) as Quarantined]
  } catch {
    return []
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

/** On disk, reasons included. */
export function quarantineBytes(folder: string): number {
  const place = quarantineFolder(folder)
  return namesIn(place).reduce((sum, file) => sum + sizeOf(join(place, file)), 0)
}

function namesIn(place: string): string[] {
  try {
    return readdirSync(place)
  } catch {
    return []
  }
}
