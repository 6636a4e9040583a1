import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, expect, test } from 'vitest'
import { openDatabase } from '#storage/client.ts'
import { type Engine, type EngineEvent, runningEngine, startEngine } from '#storage/engine/engine.ts'

const folders: string[] = []
const engines: Engine[] = []

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cyclewatch-engine-'))
  folders.push(folder)
  return join(folder, 'data')
}

async function start(data: string, tell?: (event: EngineEvent) => void, httpPort = 0): Promise<Engine> {
  const engine = await startEngine({ data, httpPort, ...(tell && { tell }) })
  engines.push(engine)
  return engine
}

async function versionOf(engine: Engine): Promise<string | undefined> {
  const db = openDatabase(engine, 'system')
  const [row] = await db.read<{ version: string }>('server_version')
  await db.close()
  return row?.version
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`)
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 20))
}

afterAll(async () => {
  for (const engine of engines) await engine.stop()
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

test('keeps data in a folder only its owner may enter, and knows it again at the next start', async () => {
  const data = freshFolder()
  const first = await start(data)
  expect(statSync(data).mode & 0o777).toBe(0o700)
  expect(statSync(join(data, 'engine', 'password')).mode & 0o777).toBe(0o600)
  const db = openDatabase(first, 'system')
  await db.run('CREATE DATABASE kept')
  await db.close()
  await first.stop()
  expect(runningEngine(data)).toBeNull()

  const second = await start(data)
  const kept = openDatabase(second, 'kept')
  await expect(kept.read('server_version')).resolves.toHaveLength(1)
  await kept.close()
  await second.stop()
})

test('refuses files, web addresses and new users to its own user, and everything to everybody else', async () => {
  const engine = await start(freshFolder())
  const ask = async (query: string, headers: Record<string, string>) => {
    const answer = await fetch(`${engine.url}/?query=${encodeURIComponent(query)}`, { method: 'POST', headers })
    return answer.status === 404 ? 404 : (await answer.text()).match(/[A-Z]+_[A-Z_]+|^1$/m)?.[0]
  }
  const as = (user: string, password: string) => ({ authorization: `Basic ${btoa(`${user}:${password}`)}` })
  const own = as(engine.user, engine.password)
  const answers = {
    own: await ask('SELECT 1', own),
    ownFile: await ask("SELECT * FROM file('/etc/passwd', 'LineAsString')", own),
    ownUrl: await ask("SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')", own),
    ownFileTable: await ask('CREATE TABLE system.x (a Int8) ENGINE = File(CSV)', own),
    ownUser: await ask("CREATE USER x IDENTIFIED BY 'x'", own),
    wrongPassword: await ask('SELECT 1', as(engine.user, 'wrong')),
    nobody: await ask('SELECT 1', {}),
    default: await ask('SELECT 1', as('default', '')),
    closing: await ask('SYSTEM STOP LISTEN HTTP', { origin: 'https://evil.example', 'content-type': 'text/plain' }),
  }
  expect(answers).toEqual({
    own: '1',
    ownFile: 'ACCESS_DENIED',
    ownUrl: 'ACCESS_DENIED',
    ownFileTable: 'ACCESS_DENIED',
    ownUser: 'ACCESS_DENIED',
    wrongPassword: 404,
    nobody: 404,
    default: 404,
    closing: 404,
  })
  await engine.stop()
})

test('starts again on the same port when its process is killed', async () => {
  const events: EngineEvent[] = []
  const engine = await start(freshFolder(), (event) => events.push(event))
  const first = engine.pid() as number
  process.kill(first, 'SIGKILL')
  await until(() => events.some(({ kind }) => kind === 'restarted'))
  expect(engine.pid()).not.toBe(first)
  await expect(versionOf(engine)).resolves.toMatch(/^\d+\.\d+/)
  await engine.stop()
  expect(events.map(({ kind }) => kind)).toEqual(['died', 'restarted'])
})

test('names the option to change when the port is taken', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  await expect(start(freshFolder(), undefined, port)).rejects.toThrow(
    `port ${port} of the embedded ClickHouse is taken; set engine.httpPort`,
  )
  other.close()
})

test('names the option to change when another engine uses the data folder', async () => {
  const data = freshFolder()
  const engine = await start(data)
  await expect(start(data)).rejects.toThrow(`the data folder ${data} is in use by another Cyclewatch`)
  await expect(versionOf(engine)).resolves.toMatch(/^\d+\.\d+/)
  await engine.stop()
})

test('is gone soon after its parent was killed with -9', async () => {
  const data = freshFolder()
  const program = `
    import { startEngine } from '#storage/engine/engine.ts'
    const engine = await startEngine({ data: ${JSON.stringify(data)}, httpPort: 0 })
    console.log(engine.pid())
    setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(createInterface({ input: parent.stdout }), 'line')
  const pid = Number(line)
  expect(isAlive(pid)).toBe(true)
  parent.kill('SIGKILL')
  await until(() => !isAlive(pid))
  const next = await start(data)
  await next.stop()
})
