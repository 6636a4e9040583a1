// Bytes of segments change while nobody runs: whatever they did not touch is stored, and what they did is kept aside.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { digestOf } from '#ingest/spool/digest.ts'
import { listQuarantine } from '#ingest/spool/quarantine.ts'
import { HEADER_BYTES, readPieces } from '#ingest/spool/record.ts'
import { type Random, random } from '#test/ingest/mutate.ts'
import { soakBody } from '#test/soak/bodies.ts'
import type { Scene } from '#test/soak/scene.ts'
import { startSenders } from '#test/soak/senders.ts'

/** `at` and `bytes` are those of a whole record, after the damage. */
type Damaged = { digest: string; bytes: Buffer }

const ENOUGH_BYTES = 2 ** 21

export async function damageSegments({ ground: { gateway, engine, order }, tally, effort, ...load }: Scene) {
  const pick = random(load.seed)
  const first = tally.fates.length
  let damaged: Damaged[] = []
  await engine.restart(async () => {
    const enough = () => gateway.spoolBytes() < ENOUGH_BYTES
    const senders = startSenders({ ...load, url: gateway.url, tally, moody: false, room: enough })
    while (enough() || !Number.isFinite(gateway.spoolBytes())) await new Promise((resolve) => setTimeout(resolve, 20))
    await senders.finish()
    await gateway.stop()
    damaged = flipBytes(order.folder, effort.flips, pick)
  })
  await gateway.start()
  await gateway.drained()

  const ofOurs = new Set(damaged.map(({ digest }) => digest))
  const victims = tally.fates.slice(first).filter(({ number }) => ofOurs.has(digestSeen(load.seed, number, load.now)))
  for (const victim of victims) victim.fate = 'dropped'
  const kept = listQuarantine(order.folder)
  const files = kept.map(({ file }) => readFileSync(file))
  const missing = damaged.filter(({ bytes }) => !files.some((file) => file.includes(bytes)))
  const told = gateway.seen.said.filter(({ kind }) => kind === 'quarantined').length
  gateway.seen.said = gateway.seen.said.filter(({ kind }) => kind !== 'quarantined')
  const faults = [
    ...missing.map(({ bytes }) => `${bytes.length} damaged bytes are not in quarantine`),
    ...(victims.length === ofOurs.size ? [] : [`${ofOurs.size} records were damaged, but ${victims.length} bodies`]),
    ...(kept.every((one) => one.damaged) ? [] : ['a body in quarantine is not called damaged']),
  ]
  return { notes: { flips: effort.flips, damaged: damaged.length, quarantined: kept.length, told }, faults }
}

/** The digest of what a gateway sees of a body. */
function digestSeen(seed: number, number: number, now: number): string {
  const { bytes, gzip } = soakBody(seed, number, now)
  return digestOf(gzip ? gunzipSync(bytes) : bytes).toString('hex')
}

/** Changes so many bytes anywhere and returns the records that were hit. */
function flipBytes(folder: string, flips: number, pick: Random): Damaged[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.segment'))
  const segments = names.map((name) => {
    const path = join(folder, name)
    const before = readFileSync(path)
    return { path, before, after: Buffer.from(before) }
  })
  for (let flip = 0; flip < flips; flip++) {
    const { after } = segments[pick(segments.length)] as (typeof segments)[number]
    const at = pick(after.length)
    after[at] = (after[at] as number) ^ (1 + pick(255))
  }
  for (const { path, after } of segments) writeFileSync(path, after)
  return segments.flatMap(({ before, after }) =>
    [...readPieces(before)].flatMap((piece): Damaged[] => {
      if (piece.is !== 'record') return []
      const end = piece.at + HEADER_BYTES + piece.body.length
      const bytes = after.subarray(piece.at, end)
      return bytes.equals(before.subarray(piece.at, end)) ? [] : [{ digest: piece.digest.toString('hex'), bytes }]
    }),
  )
}
