// `./cyclewatch up` and other commands as processes of their own, as a user runs them.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { runningEngine } from '#storage/engine/engine.ts'
import type { Server } from '#storage/server.ts'

const LAUNCHER = join(import.meta.dirname, '../../cyclewatch')
const STOP_MS = 20_000
/** Of /proc, on every Linux that Node runs on. */
const TICKS_A_SECOND = 100

/**
 * A product that is ready. `readyMs` is from the spawn to its addresses on stdout, `ownMs` the part of it that it
 * announces itself, without the start of Node and the imports. Disposing it waits until it has ended.
 */
export type Up = AsyncDisposable & {
  readyMs: number
  ownMs: number
  apiUrl: string
  ingestUrl: string
  clickhouse: Server
  pids: { own: number; engine: number }
}

/** Makes a folder with a configuration for free ports, whose data lies beside it. */
export function configure(folder: string): string {
  mkdirSync(folder)
  const config =
    'data: ./data\nengine: { httpPort: 0 }\ningest: { listen: 127.0.0.1:0 }\napi: { listen: 127.0.0.1:0 }\n'
  writeFileSync(join(folder, 'cyclewatch.yaml'), config)
  return folder
}

/** Starts the product in a configured folder; `signal` ends it. Throws with its words when it does not get ready. */
export async function up(folder: string, signal: AbortSignal, env: Record<string, string> = {}): Promise<Up> {
  signal.throwIfAborted()
  const began = performance.now()
  const child = spawn(LAUNCHER, ['up', '--json'], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGTERM',
  })
  const ended = endOf(child)
  await using starting = new AsyncDisposableStack()
  starting.defer(() => end(child, ended))
  const said = await announcement(child, ended)
  const readyMs = performance.now() - began
  const engine = runningEngine(join(folder, 'data'))
  if (!engine?.pid || !child.pid) throw new Error('./cyclewatch up does not say which engine it runs')
  const pids = { own: child.pid, engine: engine.pid }
  const running = starting.move()
  const dispose = () => running.disposeAsync()
  return {
    readyMs,
    ownMs: said.readyMs,
    apiUrl: said.api,
    ingestUrl: said.ingest,
    clickhouse: engine,
    pids,
    [Symbol.asyncDispose]: dispose,
  }
}

/** Resolves when the process is gone or could not be started. */
function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    // An abort comes here too, long before the exit.
    child.on('error', () => child.pid === undefined && resolve())
  })
}

async function end(child: ChildProcess, ended: Promise<void>): Promise<void> {
  const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  // The abort may have sent it already, and a second one ends it on the spot.
  if (!child.killed) child.kill('SIGTERM')
  await ended
  clearTimeout(impatience)
}

type Announced = { api: string; ingest: string; readyMs: number }

function announcement(child: ChildProcess, ended: Promise<void>): Promise<Announced> {
  let out = ''
  let err = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  return new Promise((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      out += text
      const said = wholeDocument(out)
      if (said) resolve(said)
    })
    ended.then(() => reject(new Error(`./cyclewatch up ended before it was ready: ${err.trim() || 'without a word'}`)))
  })
}

function wholeDocument(text: string): Announced | null {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Runs a command to its end and returns what it printed; throws when its exit code is not 0. */
export async function command(folder: string, argv: string[], signal: AbortSignal): Promise<string> {
  const { stdout } = await promisify(execFile)(LAUNCHER, argv, { cwd: folder, signal })
  return stdout
}

/** Memory of a process in megabytes of 10^6 bytes; `anonymous` is what is not pages of files. */
export type Memory = { resident: number; anonymous: number; peak: number }

/** Processor time since its start in seconds, which other work on the machine hardly changes; null without /proc. */
export function processorTimeOf(pid: number): number | null {
  return usedOf(readText(`/proc/${pid}/stat`))
}

/** What its background threads for merges took of it. ClickHouse keeps them once they were started. */
export function mergeTimeOf(pid: number): number | null {
  const threads = readFolder(`/proc/${pid}/task`)?.map((thread) => readText(`/proc/${pid}/task/${thread}/stat`))
  const merging = threads?.filter((stat) => stat?.includes('(MergeMutate)'))
  return merging?.reduce((sum, stat) => sum + (usedOf(stat) ?? 0), 0) ?? null
}

function usedOf(stat: string | null | undefined): number | null {
  // The name of the program, in parentheses, may hold anything; behind it come fields 3 and on.
  const fields = stat?.split(') ').at(-1)?.split(' ')
  const ticks = Number(fields?.[11]) + Number(fields?.[12])
  return Number.isNaN(ticks) ? null : ticks / TICKS_A_SECOND
}

/** Null where the system has no /proc. */
export function memoryOf(pid: number): Memory | null {
  const status = readText(`/proc/${pid}/status`)
  if (status === null) return null
  const megabytes = (key: string) => (Number(new RegExp(`^${key}:\\s*(\\d+) kB`, 'm').exec(status)?.[1]) * 1_024) / 1e6
  return { resident: megabytes('VmRSS'), anonymous: megabytes('RssAnon'), peak: megabytes('VmHWM') }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

function readFolder(path: string): string[] | null {
  try {
    return readdirSync(path)
  } catch {
    return null
  }
}
