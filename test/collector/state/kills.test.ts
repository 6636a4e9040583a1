// KILLS=500 npx vitest run test/collector/state/kills.test.ts for more than the dozen; SEED for other moments.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { newFile } from '#test/collector/state/files.ts'
import { fingerprint, itemsOf, KEYS, resultOf } from '#test/collector/state/job.ts'
import { type Random, random } from '#test/ingest/mutate.ts'

const JOB = fileURLToPath(import.meta.resolve('#test/collector/state/job.ts'))
const KILLS = Number(process.env.KILLS ?? 12)
const SEED = Number(process.env.SEED ?? 7)
const LONGEST_MS = 250

type Job = { cycle: string; file: string; log: string }

/** More than a job gets done before it is killed, so that it ends by itself when nobody is left to kill it. */
const FURTHER = 300

const sizeOf = ({ log }: Job) => statSync(log, { throwIfNoEntry: false })?.size ?? 0
const linesOf = ({ log }: Job) => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(0, -1) : [])

function start({ cycle, file, log }: Job, rounds: number) {
  const child = spawn(process.execPath, [JOB, file, log, cycle, String(rounds)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  return { child, ended: once(child, 'close').then(([code, signal]) => ({ code, signal, errors })) }
}

/** Kills the job at a moment after it began to work. */
async function killOnce(job: Job, pick: Random): Promise<void> {
  const before = sizeOf(job)
  const last = linesOf(job).findLast((line) => line.startsWith('round '))
  const { child, ended } = start(job, FURTHER + Number(last?.slice(6) ?? 0))
  while (sizeOf(job) === before && child.exitCode === null) await sleep(2)
  await sleep(pick(LONGEST_MS))
  child.kill('SIGKILL')
  expect(await ended).toEqual({ code: null, signal: 'SIGKILL', errors: '' })
}

/** What a log says that must not be, and how much work it shows. */
function faultsOf(lines: string[]): { faults: string[]; acks: number; rounds: number; taken: number } {
  const faults: string[] = []
  const acknowledged = new Set<string>()
  let [round, ended, acks, runs] = [0, 0, 0, 0]
  for (const line of lines) {
    const [word, at = '', key = '', print] = line.split(' ')
    if (word === 'round') {
      round = Number(at)
      if (round !== ended && round !== ended + 1 && round !== ended + 2)
        faults.push(`${line} after the end of ${ended}`)
      if (round <= ended) faults.push(`${line} again`)
      ended = Math.max(ended, round - 1)
    }
    if (word === 'run') {
      runs += 1
      if (acknowledged.has(`${at} ${key}`)) faults.push(`${line} although acknowledged`)
    }
    if (word === 'ack') {
      acks += 1
      acknowledged.add(`${at} ${key}`)
      if (print !== fingerprint(resultOf(round, Number(key)))) faults.push(`${line} is another result`)
    }
    if (word === 'fresh' && key !== itemsOf(round).slice(-5).join()) faults.push(line)
    if (word === 'end') ended = Number(at)
    if (word === 'reset') faults.push(line)
  }
  return { faults, acks, rounds: ended, taken: acks - runs }
}

test(
  `loses, tears and repeats nothing that was acknowledged over ${KILLS} kills of two jobs on one file`,
  async () => {
    const file = newFile()
    const jobs = ['one', 'two'].map((cycle): Job => ({ cycle, file, log: `${file.slice(0, -10)}-${cycle}.log` }))
    await Promise.all(
      jobs.map(async (job, index) => {
        const pick = random(SEED + index)
        for (let kill = 0; kill < KILLS; kill += 1) await killOnce(job, pick)
        const { rounds } = faultsOf(linesOf(job))
        expect(await start(job, rounds + 2).ended).toEqual({ code: 0, signal: null, errors: '' })
      }),
    )
    for (const job of jobs) {
      const lines = linesOf(job)
      const { faults, acks, rounds, taken } = faultsOf(lines)
      expect(faults).toEqual([])
      expect(lines.at(-1)).toBe('done')
      expect(acks).toBeGreaterThanOrEqual(rounds * KEYS)
      // Or the kills hit nothing.
      expect(taken).toBeGreaterThan(0)
    }
  },
  60_000 + KILLS * 2_000,
)
