// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of configuration files

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ourCommand } from '#cli/version.ts'
import { run } from '#test/cli/surroundings.ts'

const folder = mkdtempSync(join(tmpdir(), 'cyclewatch-program-'))
afterAll(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'good.yaml'), 'data: here\nclickhouse: { url: "http://h:1", password: ${PW} }\n')
writeFileSync(join(folder, 'bad.yaml'), 'dta: here\nengine: { httpPort: no }\n')

const refused = [
  { argv: ['confg'], err: "cyclewatch: unknown command 'confg' (Did you mean config?)" },
  { argv: ['config', 'chek'], err: "cyclewatch: unknown command 'chek' (Did you mean check?)" },
  { argv: ['--jsn', 'config', 'check'], err: "cyclewatch: unknown option '--jsn' (Did you mean --json?)" },
  { argv: ['config', 'check', '--confg', 'x'], err: "cyclewatch: unknown option '--confg' (Did you mean --config?)" },
  {
    argv: ['config', 'check', 'x'],
    err: "cyclewatch: too many arguments for 'check'. Expected 0 arguments but got 1: x.",
  },
  { argv: ['config', 'check', '--config'], err: "cyclewatch: option '--config <file>' argument missing" },
  {
    argv: ['config', 'check', '--config', ''],
    err: "cyclewatch: option '--config <file>' argument '' is invalid. It must not be empty.",
  },
  {
    argv: ['--url', 'localhost', 'config', 'check'],
    err: "cyclewatch: option '--url <url>' argument 'localhost' is invalid. Write it as http://localhost:4380.",
  },
  { argv: ['cycles', '--version'], err: "cyclewatch: option '--version <VERSION>' argument missing" },
  { argv: ['stats', '--version'], err: "cyclewatch: unknown option '--version'" },
]
for (const { argv, err } of refused) {
  test(`refuses '${argv.join(' ')}' in one line with exit code 64`, async () => {
    expect(await run(argv)).toEqual({ code: 64, out: '', err: `${err}\n` })
  })
}

for (const argv of [['--help'], ['config', '--help'], ['config', 'check', '-h'], ['help', 'config']]) {
  test(`prints help for '${argv.join(' ')}' on stdout with exit code 0`, async () => {
    const { code, out, err } = await run(argv)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toMatch(/^Usage: cyclewatch/)
    expect(out).toContain('--json')
  })
}

for (const argv of [[], ['config']]) {
  test(`prints help for '${argv.join(' ')}' on stderr with exit code 64, a command being missing`, async () => {
    const { code, out, err } = await run(argv)
    expect({ code, out }).toEqual({ code: 64, out: '' })
    expect(err).toMatch(/^Usage: cyclewatch/)
  })
}

for (const argv of [
  ['--version'],
  ['-V'],
  ['--version', 'cycles'],
  ['--json', '--version', 'cycles', '--version', '1.4.0'],
  ['--config', 'demo', '--version'],
  ['cycles', '-V'],
]) {
  test(`prints its version for '${argv.join(' ')}'`, async () => {
    expect(await run(argv)).toEqual({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), err: '' })
  })
}

test('calls itself what a person types: the launcher in a checkout, the command of an installed package', () => {
  expect(ourCommand()).toBe('./cyclewatch')
  expect(ourCommand('/usr/lib/node_modules/cyclewatch/dist/cli/version.js')).toBe('cyclewatch')
})

test('takes global options before and after the command', async () => {
  const given = { cwd: folder, env: { PW: 'geheim' } }
  const after = await run(['config', 'check', '--json', '--config', 'good.yaml'], given)
  expect(await run(['--config', 'good.yaml', '--json', 'config', 'check'], given)).toEqual(after)
  expect(JSON.parse(after.out)).toMatchObject({
    file: join(folder, 'good.yaml'),
    config: { data: join(folder, 'here'), clickhouse: { url: 'http://h:1', password: '***' } },
  })
})

test('prints every problem on stderr and nothing on stdout, with --json too', async () => {
  expect(await run(['config', 'check', '--config', 'bad.yaml', '--json'], { cwd: folder })).toEqual({
    code: 64,
    out: '',
    err: "bad.yaml:1:1: dta: is not a key here; did you mean data?\nbad.yaml:2:21: engine.httpPort: must be a number, not 'no'\n",
  })
})

test('ends with 3 when the named file is not there', async () => {
  const { code, err } = await run(['config', 'check', '--config', 'none.yaml'], { cwd: folder })
  expect({ code, err }).toEqual({ code: 3, err: 'cyclewatch: none.yaml cannot be read: there is no such file\n' })
})
