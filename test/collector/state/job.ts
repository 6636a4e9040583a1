// A job that is killed: rounds of checkpoints, unseen items and a watermark, each said in a log before and after.
// node test/collector/state/job.ts STATE LOG CYCLE ROUNDS

import { appendFileSync } from 'node:fs'
import { digest } from '#collector/state/digest.ts'
import { createState, type RunState } from '#collector/state/state.ts'
import { random } from '#test/ingest/mutate.ts'

export const KEYS = 24
const TOGETHER = 3

/** What the work for this key yields in this round: up to 60 kB, so that it can be torn. */
export function resultOf(round: number, key: number): { round: number; key: number; text: string } {
  const pick = random(round * 1_000 + key)
  return { round, key, text: String.fromCharCode(97 + pick(26)).repeat(pick(4) === 0 ? pick(60_000) : pick(300)) }
}

export function fingerprint(result: unknown): string {
  return digest(JSON.stringify(result))
}

/** Each round finds the items of those before, and five more. */
export function itemsOf(round: number): number[] {
  return Array.from({ length: 5 * round }, (_, item) => item)
}

async function work(run: RunState, round: number, say: (...words: unknown[]) => void): Promise<void> {
  say('round', round)
  const one = async (key: number) => {
    const result = await run.checkpoint(String(key), async () => {
      say('run', round, key)
      return resultOf(round, key)
    })
    say('ack', round, key, fingerprint(result))
  }
  for (let key = 0; key < KEYS; key += TOGETHER) {
    await Promise.all(Array.from({ length: TOGETHER }, (_, n) => one(key + n)))
  }
  say('fresh', round, run.unseen(itemsOf(round), (item) => item).join())
}

async function main([file = '', log = '', cycle = '', rounds = '']: string[]): Promise<void> {
  // One system call a line: what was said stays said when the process is killed.
  const say = (...words: unknown[]) => appendFileSync(log, `${words.join(' ')}\n`)
  const state = createState(file, Date.now)
  for (;;) {
    const run = state.begin(cycle, (news) => news.what === 'reset' && say('reset', news.message))
    const mark = run.watermark<number>('round')
    const round = (mark.value ?? 0) + 1
    if (round > Number(rounds)) break
    await work(run, round, say)
    mark.advance(round)
    run.commit()
    say('end', round)
  }
  say('done')
}

if (import.meta.main) await main(process.argv.slice(2))
