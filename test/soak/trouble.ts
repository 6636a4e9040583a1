// ClickHouse is away, the spool is full, the disk is full, a segment is damaged: nothing answered is lost, nothing stops.
// node test/soak/trouble.ts [--short] [--seed N] [--only TROUBLE]

import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { random } from '#test/ingest/mutate.ts'
import { type Account, isSound } from '#test/soak/account.ts'
import { damageSegments } from '#test/soak/damage.ts'
import { fillDisk } from '#test/soak/disk.ts'
import { onGround } from '#test/soak/ground.ts'
import type { Effort, Scene } from '#test/soak/scene.ts'
import { newTally, startSenders } from '#test/soak/senders.ts'

export const FULL: Effort = { awayMs: 16_000, fullMs: 8_000, flips: 12 }
export const SHORT: Effort = { awayMs: 1_000, fullMs: 800, flips: 4 }

/** `faults` are one line each; `notes` say what was seen. */
export type Finding = { trouble: string; account: Account; notes: Record<string, number | string>; faults: string[] }

type Trouble = (scene: Scene) => Promise<Pick<Finding, 'notes' | 'faults'>>

export const TROUBLES: Record<string, Trouble> = {
  'ClickHouse away': clickhouseAway,
  'spool full': spoolFull,
  'segments damaged': damageSegments,
  'disk full': fillDisk,
}

export async function getIntoTrouble(
  seed: number,
  effort: Effort,
  hear: (finding: Finding) => void,
  troubles: Record<string, Trouble> = TROUBLES,
): Promise<void> {
  await onGround(async (ground) => {
    const scene: Scene = { ground, seed, now: Date.now(), tally: newTally(), effort }
    for (const [trouble, meet] of Object.entries(troubles)) {
      scene.tally.faults = []
      ground.gateway.seen.said = []
      const { notes, faults } = await meet(scene)
      const account = await ground.books.check(scene.tally.fates)
      const said = ground.gateway.seen.said.map((line) => JSON.stringify(line))
      hear({ trouble, account, notes, faults: [...faults, ...scene.tally.faults, ...said] })
    }
  })
}

/** Senders notice nothing: the spool takes what comes. */
async function clickhouseAway({ ground: { gateway, engine }, tally, effort, ...load }: Scene) {
  const [busy, lost] = [tally.busy, tally.lostConnections]
  const senders = startSenders({ ...load, url: gateway.url, tally, atOnce: 4, moody: false, room: restful(20) })
  await engine.restart(() => delay(effort.awayMs))
  await senders.finish()
  await gateway.drained()
  const failed = tally.busy - busy + tally.lostConnections - lost
  const faults = failed > 0 ? [`${failed} requests were not answered 200 in time, though there was room`] : []
  return { notes: { awayMs: effort.awayMs, inserts_retried: gateway.seen.retrying }, faults }
}

async function spoolFull({ ground: { gateway, engine, order }, tally, effort, ...load }: Scene) {
  const limitBytes = 2 ** 21
  await gateway.stop()
  await gateway.start({ limitBytes })
  tally.waits.clear()
  const before = tally.busy
  const senders = startSenders({ ...load, url: gateway.url, tally })
  let most = 0
  await engine.restart(async () => {
    for (const end = performance.now() + effort.fullMs; performance.now() < end || tally.busy === before; ) {
      await delay(50)
      if (Number.isFinite(gateway.spoolBytes())) most = Math.max(most, gateway.spoolBytes())
    }
  })
  await senders.finish()
  await gateway.drained()
  await gateway.stop()
  await gateway.start({ limitBytes: order.limitBytes })
  const faults = [...tally.waits].filter((wait) => !/^[123]$/.test(wait)).map((wait) => `Retry-After was ${wait}`)
  if (most > limitBytes) faults.push(`the spool had ${most} bytes, more than its limit of ${limitBytes}`)
  return { notes: { limitBytes, most, busy: tally.busy - before, waits: [...tally.waits].sort().join() }, faults }
}

/** True about so many times a second. */
function restful(perSecond: number): () => boolean {
  let next = performance.now()
  return () => {
    if (performance.now() < next) return false
    next = performance.now() + 1_000 / perSecond
    return true
  }
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { short: { type: 'boolean' }, seed: text, only: text } })
  const seed = Number(values.seed ?? random(Date.now())(1e6))
  const troubles = Object.entries(TROUBLES).filter(([name]) => (values.only ?? name) === name)
  console.log(`trouble: seed ${seed}`)
  const hear = ({ trouble, account, notes, faults }: Finding) => {
    const { examples, ...counts } = account
    console.log(`${trouble}: ${JSON.stringify({ ...counts, ...notes })}`)
    for (const fault of [...faults, ...examples]) console.log(`  ${fault}`)
    if (faults.length > 0 || !isSound(account)) process.exitCode = 1
  }
  await getIntoTrouble(seed, values.short ? SHORT : FULL, hear, Object.fromEntries(troubles))
}

if (import.meta.main) await main()
