import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, expect, test } from 'vitest'
import type { Row } from '#test/bench/report.ts'

const program = join(import.meta.dirname, 'start.ts')
const folder = mkdtempSync(join(tmpdir(), 'cyclewatch-bench-test-'))
const temporary = join(folder, 'temporary')
mkdirSync(temporary)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function bench(...argv: string[]): ChildProcess {
  const env = { ...process.env, TMPDIR: temporary }
  return spawn(process.execPath, [program, ...argv], { env, stdio: ['ignore', 'pipe', 'pipe'] })
}

async function ended(child: ChildProcess): Promise<{ code: number | null; out: string; err: string }> {
  const [out, err, [code]] = await Promise.all([
    child.stdout ? text(child.stdout) : '',
    child.stderr ? text(child.stderr) : '',
    once(child, 'exit'),
  ])
  return { code, out, err }
}

/** Of the first engine it started, once that is up. */
function enginePid(): number | null {
  try {
    const [run] = readdirSync(temporary)
    return JSON.parse(readFileSync(join(temporary, String(run), '1', 'data', 'engine.json'), 'utf8')).pid
  } catch {
    return null
  }
}

test('measures a product of its own, writes its figures and leaves nothing behind', { timeout: 180_000 }, async () => {
  const file = join(folder, 'figures.json')
  const { code, err } = await ended(bench('--short', '--cycles', '2000', '--json', file))
  expect({ code, err }).toEqual({ code: 0, err: expect.not.stringContaining('bench:start:') })
  const rows: Row[] = JSON.parse(readFileSync(file, 'utf8'))
  expect(rows.map(({ name, unit }) => [name, unit])).toEqual([
    ['start: from up to ready', 's'],
    ...(existsSync('/proc/self/status')
      ? [
          ['start: cyclewatch at rest', 'MB'],
          ['start: its engine at rest', 'MB'],
        ]
      : []),
    ['start: stats of one name over 30 days', 'ms'],
    ['start: stats of all names over 30 days', 'ms'],
  ])
  const figures = rows.flatMap(({ value, beside = [] }) => [value, ...beside.map((figure) => figure.value)])
  expect(figures.filter((value) => !(value >= 0))).toEqual([])
  expect(readdirSync(temporary)).toEqual([])
})

test('stops what it started and clears up when interrupted', { timeout: 60_000 }, async () => {
  const child = bench('--short')
  const done = ended(child)
  let pid = enginePid()
  for (; pid === null; pid = enginePid()) await new Promise((resolve) => setTimeout(resolve, 20))
  child.kill('SIGINT')
  expect(await done).toMatchObject({ code: 130, out: '', err: expect.stringContaining('stopped by SIGINT') })
  expect([readdirSync(temporary), existsSync(`/proc/${pid}`)]).toEqual([[], false])
})

for (const argv of [['--cycles', 'many'], ['--cycles', '10'], ['--shrot']]) {
  test(`refuses ${argv.join(' ')} in one line`, async () => {
    const { code, out, err } = await ended(bench(...argv))
    expect({ code, out, lines: err.trim().split('\n').length }).toEqual({ code: 64, out: '', lines: 1 })
  })
}
