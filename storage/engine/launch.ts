// One start of the engine's process, until it listens or has said why it cannot.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Unavailable } from '#model/errors.ts'
import type { EngineFolder } from '#storage/engine/files.ts'
import type { EngineOrder } from '#storage/engine/host.ts'

/**
 * A process that listens. `stop` ends it at once, or after five seconds when it hangs; when it is gone, however that
 * happened, `exited` resolves with the end of its stderr, or else with how it ended.
 */
export type Launched = { pid: number; port: number; exited: Promise<string>; stop(): void }

const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 5_000

/** Throws Unavailable, naming the option to change, when the port is taken or the data folder in use. */
export async function launch(library: string, folder: EngineFolder, port: number, data: string): Promise<Launched> {
  rmSync(folder.port, { force: true })
  const child = spawnHost(folder)
  const exited = watchExit(child)
  child.send({ library, argv: commandLine(folder, port), parent: process.pid } satisfies EngineOrder)
  child.channel?.unref()

  const gone = exited.then((stderr) => {
    throw new Unavailable(explain(stderr, port, data))
  })
  gone.catch(() => {})
  const decided = new AbortController()
  try {
    const listening = await Promise.race([waitForPort(folder.port, decided.signal), gone])
    return { pid: child.pid as number, port: listening, exited, stop: () => stopChild(child) }
  } catch (error) {
    // One that hangs would hold the data folder against the next.
    stopChild(child)
    throw error
  } finally {
    decided.abort()
  }
}

/** Detached, or Ctrl-C in the terminal would end it before we have flushed; its folder, or its caches land in ours. */
function spawnHost(folder: EngineFolder): ChildProcess {
  const program = fileURLToPath(import.meta.resolve('#storage/engine/host.ts'))
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program], {
    cwd: folder.root,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
}

function stopChild(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
  child.once('exit', () => clearTimeout(impatience))
}

function watchExit(child: ChildProcess): Promise<string> {
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-8_192)
  })
  return once(child, 'exit').then(
    ([code, signal]) =>
      stderr.trim() || (signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`),
    (error: Error) => error.message,
  )
}

// The last statement never ends, and so neither does the server.
function commandLine(folder: EngineFolder, port: number): string[] {
  const statements = [
    'SYSTEM START LISTEN HTTP',
    `SELECT getServerPort('http_port') INTO OUTFILE '${folder.port.replaceAll("'", "\\'")}' TRUNCATE FORMAT TSV`,
    'SELECT sleepEachRow(3) FROM system.numbers FORMAT Null SETTINGS max_block_size = 1',
  ]
  return [
    'clickhouse',
    `--config-file=${folder.config}`,
    `--path=${folder.store}`,
    '--listen_host=127.0.0.1',
    `--http_port=${port}`,
    `--query=${statements.join('; ')}`,
  ]
}

async function waitForPort(file: string, signal: AbortSignal): Promise<number> {
  const deadline = performance.now() + START_TIMEOUT_MS
  for (; performance.now() < deadline && !signal.aborted; await delay(10)) {
    const port = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
    if (port > 0) return port
  }
  throw new Unavailable(`the embedded ClickHouse did not start within ${START_TIMEOUT_MS / 1_000} s`)
}

/** Where a program that failed usually says why. */
export function lastLine(stderr: string): string {
  return stderr.slice(stderr.lastIndexOf('\n') + 1)
}

function explain(stderr: string, port: number, data: string): string {
  if (stderr.includes('Address already in use')) {
    return `port ${port} of the embedded ClickHouse is taken; set engine.httpPort to a free one, or to 0 for any`
  }
  if (stderr.includes('Cannot lock file')) {
    return inUse(data)
  }
  const exception = /(?:DB::Exception: |Code: )[^\n]*/.exec(stderr)?.[0]
  return `the embedded ClickHouse stopped: ${exception ?? lastLine(stderr)}`
}

export function inUse(data: string): string {
  return `the data folder ${data} is in use by another Cyclewatch; stop that one, or set data to another folder`
}
