import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../..')
const OLDEST_NODE = '22.19.0'
const folder = mkdtempSync(join(tmpdir(), 'cyclewatch-package-'))
const whole = join(folder, 'whole')
const withoutEngine = join(folder, 'without-engine')

/** What npm runs with: nothing of this checkout, and no engine warnings for the host's own Node. */
function npm(args: string[], cwd: string): string {
  return execFileSync('npm', [...args, '--loglevel=error', '--prefer-offline'], { cwd, encoding: 'utf8' })
}

function emptyProject(path: string): string {
  mkdirSync(path)
  writeFileSync(join(path, 'package.json'), '{ "private": true, "type": "module" }')
  return path
}

/** The installed command under this Node 26, or under the oldest Node the collector runs on. */
function cyclewatch(project: string, args: string[], node = process.execPath) {
  const command = join(project, 'node_modules/cyclewatch/dist/cli/start.js')
  const { status, stdout, stderr } = spawnSync(node, [command, ...args], { cwd: project, encoding: 'utf8' })
  return { status, stdout, stderr }
}

const CONFIG = 'engine: { httpPort: 0 }\ningest: { listen: "127.0.0.1:0" }\napi: { listen: "127.0.0.1:0" }\n'

/** Starts `up` in a project, and stops it after `use`. */
async function whileUp(project: string, use: (api: string, ingest: string) => Promise<void>): Promise<void> {
  const child = spawn(process.execPath, [join(project, 'node_modules/.bin/cyclewatch'), 'up', '--json'], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = new Promise((done) => child.once('exit', done))
  let text = ''
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    text += chunk
    if (text.trimEnd().endsWith('}')) break
  }
  const { api, ingest } = JSON.parse(text) as { api: string; ingest: string }
  await use(api, ingest).finally(() => child.kill('SIGINT'))
  expect(await gone).toBe(0)
}

const oldNode = join(folder, 'old-node/node_modules/node/bin/node')

beforeAll(() => {
  npm(['pack', '--pack-destination', folder], ROOT)
  const tarball = join(folder, readdirSync(folder).find((file) => file.endsWith('.tgz')) as string)
  npm(['install', tarball], emptyProject(whole))
  npm(['install', '--omit=optional', tarball], emptyProject(withoutEngine))
  npm(['install', `node@${OLDEST_NODE}`], emptyProject(join(folder, 'old-node')))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('holds what runs, and nothing of the checkout beside it', () => {
  const installed = join(whole, 'node_modules/cyclewatch')
  expect(readdirSync(installed).sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'package.json'])
  expect(existsSync(join(installed, 'dist/test'))).toBe(false)
})

test('records a cycle with the installed collector on the oldest Node it promises, and shows it with the installed command', async () => {
  writeFileSync(join(whole, 'cyclewatch.yaml'), CONFIG)
  writeFileSync(
    join(whole, 'job.js'),
    `import { cycle, startTelemetry } from 'cyclewatch/collector'
     const telemetry = startTelemetry({ service: 'packed', endpoint: process.env.INGEST })
     await cycle('packed-job', (run) => run.step('think', 'compute', () => 42))
     await telemetry.shutdown()`,
  )
  await whileUp(whole, async (api, ingest) => {
    const job = spawnSync(oldNode, ['job.js'], {
      cwd: whole,
      encoding: 'utf8',
      env: { ...process.env, INGEST: ingest },
    })
    expect(job).toMatchObject({ status: 0, stderr: '' })
    const stats = cyclewatch(whole, ['stats', 'packed-job', '--url', api, '--json'])
    expect(JSON.parse(stats.stdout).items).toMatchObject([{ cycle: 'packed-job', windows: [{ count: 1 }] }])
  })
})

test('brings types that a strict project compiles against', () => {
  writeFileSync(
    join(whole, 'typed.ts'),
    `import { cycle, type Run, startTelemetry } from 'cyclewatch/collector'
     startTelemetry({ service: 'typed' })
     const answer: Promise<number> = cycle('typed', async (run: Run) => (await run.fetch('http://127.0.0.1:1')).status)
     // @ts-expect-error a kind of step that does not exist
     void cycle('typed', (run) => run.step('x', 'sleep', () => answer))`,
  )
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  const options = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--skipLibCheck',
    'false',
    '--types',
    'node',
    'typed.ts',
  ]
  const { status, stdout } = spawnSync(tsc, [...options, '--typeRoots', join(ROOT, 'node_modules/@types')], {
    cwd: whole,
    encoding: 'utf8',
  })
  expect([status, stdout]).toEqual([0, ''])
})

test('says in one line which Node the command needs', () => {
  const { status, stdout, stderr } = cyclewatch(whole, ['up'], oldNode)
  expect([status, stdout]).toEqual([3, ''])
  expect(stderr).toBe(`cyclewatch: needs Node 26 or later; this is Node ${OLDEST_NODE}\n`)
})

test('without the optional engine, says so in one line, and works against a server', async () => {
  expect(existsSync(join(withoutEngine, 'node_modules/chdb'))).toBe(false)
  writeFileSync(join(withoutEngine, 'cyclewatch.yaml'), CONFIG)
  const alone = cyclewatch(withoutEngine, ['up'])
  expect(alone.status).toBe(3)
  expect(alone.stderr).toMatch(
    /^cyclewatch: the embedded ClickHouse is not installed .* set clickhouse\.url to a server\n$/,
  )

  const { url, user, password } = inject('clickhouse')
  const server = `clickhouse: { url: "${url}", user: ${user}, password: "${password}", database: packed }\n`
  writeFileSync(join(withoutEngine, 'cyclewatch.yaml'), server + CONFIG)
  await whileUp(withoutEngine, async (api) => {
    expect((await fetch(`${api}/readyz`)).status).toBe(200)
  })
})
