// The embedded engine: a real ClickHouse server in a process of ours, kept running until it is stopped.

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Unavailable } from '#model/errors.ts'
import { openDatabase } from '#storage/client.ts'
import { ENGINE_USER, type EngineFolder, engineFolder, writeEngineFiles } from '#storage/engine/files.ts'
import { inUse, type Launched, lastLine, launch } from '#storage/engine/launch.ts'
import { mendDeduplication } from '#storage/engine/mend.ts'
import { holdFolder } from '#storage/hold.ts'
import type { Server } from '#storage/server.ts'

/** `data` is the data folder, `httpPort` 0 any free port. `tell` hears what a person at the terminal should know. */
export type EngineOptions = { data: string; httpPort: number; tell?: (event: EngineEvent) => void }

export type EngineEvent =
  | { kind: 'died'; reason: string; retryInMs: number }
  | { kind: 'restarted'; pid: number }
  | { kind: 'not restarted'; reason: string; retryInMs: number }

/** `pid` is null while the engine is down and waits for its next start. */
export type Engine = Server & { pid(): number | null; stop(): Promise<void> }

/** After this long without a crash the next one is met with the shortest wait again. */
const STEADY_MS = 60_000

/**
 * Starts the engine on its data folder and restarts it, with growing waits on the same port, whenever it dies.
 * Throws Unavailable when `chdb` is not installed, the port is taken or the folder is in use.
 */
export async function startEngine({ data, httpPort, tell = () => {} }: EngineOptions): Promise<Engine> {
  const library = await findLibrary()
  const folder = engineFolder(resolve(data))
  const password = writeEngineFiles(resolve(data), folder)
  const hold = holdFolder(folder.root, inUse(data))
  const start = (port: number) => launchMended(library, folder, port, data)
  const { first, url } = await startFirst(data, () => start(httpPort)).catch((error: unknown) => {
    hold.release()
    throw error
  })

  const watched: Watched = { process: first }
  const stopping = new AbortController()
  const announce = () => writeAddress(data, { url, pid: watched.process?.pid ?? null })
  announce()
  const supervision = keepRunning(watched, {
    relaunch: () => start(first.port),
    tell: (event) => {
      if (event.kind === 'restarted') announce()
      tell(event)
    },
    stop: stopping.signal,
  })
  return {
    url,
    user: ENGINE_USER,
    password,
    pid: () => watched.process?.pid ?? null,
    async stop() {
      stopping.abort()
      watched.process?.stop()
      await supervision
      rmSync(addressFile(data), { force: true })
      hold.release()
    },
  }
}

async function startFirst(data: string, start: () => Promise<Launched>): Promise<{ first: Launched; url: string }> {
  await lastEngineGone(data)
  const first = await start()
  const url = `http://127.0.0.1:${first.port}`
  await refuseOpenDoor(url, first)
  return { first, url }
}

const LAST_GASP_MS = 5_000

/**
 * One whose parent was killed goes by itself, soon, and may be writing until then. After a while the number is that of
 * another process.
 */
async function lastEngineGone(data: string): Promise<void> {
  const pid = runningEngine(data)?.pid
  const deadline = performance.now() + LAST_GASP_MS
  while (pid && isAlive(pid) && performance.now() < deadline) await delay(20)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** What a kill left behind is mended first; nobody else is using the folder. */
function launchMended(library: string, folder: EngineFolder, port: number, data: string): Promise<Launched> {
  mendDeduplication(folder.store)
  return launch(library, folder, port, data)
}

/** The engine's process of the moment; null between a crash and the next start. */
type Watched = { process: Launched | null }
type Supervision = { relaunch(): Promise<Launched>; tell(event: EngineEvent): void; stop: AbortSignal }

/** Resolves when the process has ended after `stop`. */
async function keepRunning(watched: Watched, { relaunch, tell, stop }: Supervision): Promise<void> {
  for (let crashes = 0; watched.process; ) {
    const started = performance.now()
    const reason = lastLine(await watched.process.exited)
    watched.process = null
    if (stop.aborted) return
    crashes = performance.now() - started > STEADY_MS ? 1 : crashes + 1
    tell({ kind: 'died', reason, retryInMs: waitBefore(crashes) })
    while (!watched.process && (await pause(waitBefore(crashes), stop))) {
      try {
        watched.process = await relaunch()
        tell({ kind: 'restarted', pid: watched.process.pid })
      } catch (error) {
        crashes += 1
        tell({ kind: 'not restarted', reason: (error as Error).message, retryInMs: waitBefore(crashes) })
      }
    }
    if (stop.aborted) watched.process?.stop()
  }
}

/** The engine another process of ours runs on this data folder, if one said so; it may be gone since. */
export function runningEngine(data: string): (Server & { pid: number | null }) | null {
  try {
    const { url, pid } = JSON.parse(readFileSync(addressFile(data), 'utf8'))
    return { url, pid, user: ENGINE_USER, password: readFileSync(engineFolder(data).password, 'utf8') }
  } catch {
    return null
  }
}

/** Whether the optional package with the engine is there, without loading it. */
export async function engineInstalled(): Promise<boolean> {
  return findLibrary().then(
    () => true,
    () => false,
  )
}

async function findLibrary(): Promise<string> {
  try {
    const { resolveLibchdb } = await import('chdb/libchdb')
    return resolveLibchdb().path
  } catch (cause) {
    throw new Unavailable(
      "the embedded ClickHouse is not installed (optional npm package 'chdb'); install it, or set clickhouse.url to a server",
      { cause },
    )
  }
}

/** A settings file that was not honoured would leave an all-powerful user without a password. */
async function refuseOpenDoor(url: string, engine: Launched): Promise<void> {
  const stranger = openDatabase({ url, user: 'default', password: '' }, 'system')
  const entered = await stranger.read('host_file').then(
    () => true,
    () => false,
  )
  await stranger.close()
  if (!entered) return
  engine.stop()
  throw new Error('the embedded ClickHouse did not apply its users file')
}

function waitBefore(crashes: number): number {
  return Math.min(30_000, 125 * 2 ** crashes)
}

async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return delay(ms, true, { signal }).catch(() => false)
}

function addressFile(data: string): string {
  return join(data, 'engine.json')
}

function writeAddress(data: string, address: { url: string; pid: number | null }): void {
  writeFileSync(addressFile(data), `${JSON.stringify(address)}\n`, { mode: 0o600 })
}
