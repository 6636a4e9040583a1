// Gateway and engine are killed in the middle of the load, at every moment at which it could make a difference; then
// every span is accounted for.
// node test/soak/kills.ts [--short] [--seed N] [--only KIND]

import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type Random, random } from '#test/ingest/mutate.ts'
import { type Account, isSound } from '#test/soak/account.ts'
import { type Ground, onGround } from '#test/soak/ground.ts'
import { within } from '#test/soak/patience.ts'
import { newTally, startSenders, type Tally } from '#test/soak/senders.ts'
import type { Death } from '#test/soak/supervisor.ts'

const KINDS = ['written', 'synced', 'posting', 'stored', 'stopped', 'engine', 'commit', 'both'] as const

/**
 * At a failpoint of the gateway; `stopped` is a gateway that ends in good order; `commit` is the engine
 * while it commits, `engine` at any time, `both` the gateway and the engine.
 */
export type Kind = (typeof KINDS)[number]

/** How often each is killed under one load, after which the spans are counted. */
export type Round = Partial<Record<Kind, number>>

export const FULL: Round[] = [
  ...[{ written: 11 }, { synced: 11 }, { posting: 11 }, { stored: 11 }],
  ...[{ stopped: 6 }, { engine: 22 }, { commit: 12 }, { both: 6 }],
]
export const SHORT: Round[] = [
  { written: 1, synced: 1, posting: 1, stored: 1, stopped: 1, engine: 1, commit: 1, both: 1 },
]

/** How many times its stage may be reached before a gateway dies: commits are many, segments fewer. */
const LATEST: Record<Death['stage'], number> = { written: 50, synced: 50, posting: 6, stored: 6 }

/** The supervision of the engine waits twice as long after every crash of a row; a clean start ends the row. */
const CRASHES_IN_A_ROW = 4

/** How many segments at most are begun to be stored before the engine dies. */
const MOST_POSTS = 5

/** Bytes in the spool; with more, senders rest, or emptying it would take longer than the kills. */
const MOST_WAITING = 2 ** 23

/** Counts are those since the beginning, all rounds before included. */
export type Survived = { round: Round; ms: number; tally: Tally; repeated: number; account: Account; faults: string[] }

/** Throws when something did not happen in three minutes. */
export async function sufferKills(seed: number, rounds: Round[], hear: (survived: Survived) => void): Promise<void> {
  await onGround(async (ground) => {
    const pick = random(seed)
    const load = { url: ground.gateway.url, seed, now: Date.now(), tally: newTally(), room: () => hasRoom(ground) }
    for (const round of rounds) {
      const started = performance.now()
      const senders = startSenders(load)
      for (const [kind, times] of Object.entries(round) as [Kind, number][]) {
        for (let time = 0; time < times; time++) {
          await within(() => `death ${time + 1} of '${kind}'`, die(kind, time, ground, pick))
        }
      }
      await senders.finish()
      await ground.gateway.drained()
      const account = await ground.books.check(load.tally.fates)
      const { repeated, said } = ground.gateway.seen
      const faults = [...load.tally.faults, ...said.map((line) => JSON.stringify(line)), ...account.examples]
      hear({ round, ms: performance.now() - started, tally: load.tally, repeated, account, faults })
    }
  })
}

function hasRoom({ gateway }: Ground): boolean {
  const bytes = gateway.spoolBytes()
  return bytes < MOST_WAITING || bytes === Number.POSITIVE_INFINITY
}

async function die(kind: Kind, time: number, { gateway, engine }: Ground, pick: Random): Promise<void> {
  if (kind === 'stopped') {
    await delay(pick(2_000))
    return gateway.kill('SIGTERM')
  }
  if (kind !== 'engine' && kind !== 'commit' && kind !== 'both') {
    await delay(pick(1_000))
    return gateway.dieOnce({ stage: kind, after: 1 + pick(LATEST[kind]) })
  }
  if (time > 0 && time % CRASHES_IN_A_ROW === 0) await engine.restart()
  await delay(pick(500))
  for (let left = pick(MOST_POSTS); left >= 0; left--) await gateway.posting()
  if (kind === 'commit') return engine.killAtCommit(pick)
  await delay(pick(150))
  if (kind === 'engine') await engine.kill()
  else await Promise.all([engine.kill(), gateway.kill()])
}

/** One line of the table. */
function lineOf({ round, ms, tally, repeated, account, faults }: Survived): Record<string, string | number> {
  const { examples: _, ...counts } = account
  const killed = Object.entries(round).map(([kind, times]) => `${kind} ${times}`)
  return {
    killed: killed.join(', '),
    seconds: Math.round(ms / 1_000),
    bodies: tally.fates.length,
    'given up': tally.fates.filter(({ fate }) => fate === 'dropped').length,
    'sent again': tally.retried + tally.distrusted,
    repeated,
    ...counts,
    faults: faults.length,
  }
}

/** Whether everything answered is there once and nothing else was wrong. */
export function isGood({ account, faults }: Survived): boolean {
  return faults.length === 0 && isSound(account)
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { short: { type: 'boolean' }, seed: text, only: text } })
  const seed = Number(values.seed ?? random(Date.now())(1e6))
  const rounds = (values.short ? SHORT : FULL).filter((round) => !values.only || values.only in round)
  console.log(`kills: seed ${seed}`)
  const lines: Record<string, string | number>[] = []
  await sufferKills(seed, rounds, (survived) => {
    const line = lineOf(survived)
    console.log(JSON.stringify(line))
    for (const fault of survived.faults.slice(0, 20)) console.log(`  ${fault}`)
    lines.push(line)
    if (!isGood(survived)) process.exitCode = 1
  })
  console.table(lines)
}

if (import.meta.main) await main()
