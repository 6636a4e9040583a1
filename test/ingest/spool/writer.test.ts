import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { digestOf } from '#ingest/spool/digest.ts'
import { readPieces } from '#ingest/spool/record.ts'
import { createWriter, type Writer } from '#ingest/spool/writer.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'writer-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function openWriter(): { writer: Writer; synced: () => number } {
  let synced = 0
  const stage = (name: string) => {
    if (name === 'synced') synced += 1
  }
  const usual = { signal: 'traces', encoding: 'json', segmentBytes: 1e6, now: Date.now, onComplete: () => {} } as const
  return { writer: createWriter({ ...usual, folder, stage }), synced: () => synced }
}

function append(writer: Writer, text: string): Promise<void> {
  const body = Buffer.from(text)
  return writer.append({ digest: digestOf(body), items: 1, days: [20_000], body })
}

function written(): string[] {
  const texts = readdirSync(folder).flatMap((file) => [...readPieces(readFileSync(join(folder, file)))])
  return texts.map((piece) => (piece.is === 'record' ? String(piece.body) : piece.is))
}

test('has a body on disk when it says so, also one that came alone', async () => {
  const { writer, synced } = openWriter()
  await append(writer, 'alone')
  expect(synced()).toBe(1)
  expect(written()).toEqual(['alone'])
  await writer.seal()
})

test('syncs once for bodies that come within ten milliseconds', async () => {
  const { writer, synced } = openWriter()
  const texts = Array.from({ length: 30 }, (_, n) => String(n))
  const waiting: Promise<void>[] = []
  for (const text of texts) {
    waiting.push(append(writer, text))
    await delay(1)
  }
  await Promise.all(waiting)
  expect(written()).toEqual(texts)
  expect(synced()).toBeLessThan(15)
  await writer.seal()
})
