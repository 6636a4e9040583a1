import { type ExecFileException, execFile, spawn } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, expect, test } from 'vitest'

const launcher = join(import.meta.dirname, '../../cyclewatch')
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'cyclewatch-start-')))
afterAll(() => rmSync(folder, { recursive: true }))

type Ran = { code: number | string; out: string; err: string }

function run(file: string, argv: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(file, argv, { cwd: folder }, (error: ExecFileException | null, out, err) =>
      resolve({ code: error?.code ?? 0, out, err }),
    )
  })
}

test('runs in the working directory of the caller, through a symlink too', async () => {
  const link = join(folder, 'cw')
  symlinkSync(launcher, link)
  writeFileSync(join(folder, 'cyclewatch.yaml'), 'data: here\n')
  const { code, out, err } = await run(link, ['config', 'check', '--json'])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(JSON.parse(out)).toMatchObject({
    file: join(folder, 'cyclewatch.yaml'),
    config: { data: join(folder, 'here') },
  })
})

test('prints help with exit code 0', async () => {
  expect(await run(launcher, ['--help'])).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^Usage: /) })
})

test('refuses an unknown option in one line with exit code 64', async () => {
  const err = "cyclewatch: unknown option '--hlep' (Did you mean --help?)\n"
  expect(await run(launcher, ['--hlep'])).toEqual({ code: 64, out: '', err })
})

test('ends quietly when nobody reads its output', async () => {
  const child = spawn(launcher, ['--help'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  const ended = new Promise((resolve) => child.once('exit', resolve))
  expect([await text(child.stderr), await ended]).toEqual(['', 0])
})

test("says to run 'npm ci' when Node is not installed beside it", async () => {
  const bare = join(folder, 'bare')
  mkdirSync(bare)
  copyFileSync(launcher, join(bare, 'cyclewatch'))
  const { code, err } = await run(join(bare, 'cyclewatch'), [])
  expect(code).toBe(3)
  expect(err).toMatch(/^cyclewatch: run 'npm ci' in .*bare .*\n$/)
})

test('says which Node it needs, in one line, when run by an older one', async () => {
  const old = stripTypeScriptTypes(readFileSync(join(import.meta.dirname, '../../cli/start.ts'), 'utf8'))
  writeFileSync(join(folder, 'start.mjs'), old.replaceAll('process.versions.node', "'20.1.0'"))
  const err = 'cyclewatch: needs Node 26 or later; this is Node 20.1.0\n'
  expect(await run(process.execPath, [join(folder, 'start.mjs')])).toEqual({ code: 3, out: '', err })
})
