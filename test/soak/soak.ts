// All durability programs with their full counts, one after the other; the exit code is 1 when one of them found a fault.
// node test/soak/soak.ts [--seed N]

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { random } from '#test/ingest/mutate.ts'

const PROGRAMS = ['#test/soak/kills.ts', '#test/soak/trouble.ts', '#test/soak/fuzz.ts']

const { values } = parseArgs({ options: { seed: { type: 'string' } } })
const seed = values.seed ?? String(random(Date.now())(1e6))

for (const program of PROGRAMS) {
  const started = performance.now()
  const argv = ['--disable-warning=ExperimentalWarning', fileURLToPath(import.meta.resolve(program)), '--seed', seed]
  const { status } = spawnSync(process.execPath, argv, { stdio: 'inherit' })
  console.log(`${program} ${status === 0 ? 'found no fault' : 'FAILED'} in ${seconds(performance.now() - started)} s\n`)
  if (status !== 0) process.exitCode = 1
}

function seconds(ms: number): number {
  return Math.round(ms / 1_000)
}
