// Commands as a user starts them: real processes in a folder of their own, and what is left of them.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll } from 'vitest'

const LAUNCHER = resolve(import.meta.dirname, '../../cyclewatch')

/** No port is fixed, so that test files run beside each other and beside a real Cyclewatch. */
export const ANYWHERE = `
data: ./data
engine: { httpPort: 0 }
ingest: { listen: 127.0.0.1:0 }
api: { listen: 127.0.0.1:0 }
`

const folders: string[] = []

/** A folder with this cyclewatch.yaml. What still runs in it when the test file has ended is killed. */
export function newFolder(config = ANYWHERE): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'cyclewatch-e2e-')))
  folders.push(folder)
  writeFileSync(join(folder, 'cyclewatch.yaml'), config)
  return folder
}

afterAll(async () => {
  for (const folder of folders) {
    // A parent killed first cannot start a child again.
    for (const { pid } of processesIn(folder)) kill(pid)
    await until(() => processesIn(folder).length === 0, 'the end of what a test left running')
    rmSync(folder, { recursive: true, force: true })
  }
})

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself meanwhile.
  }
}

export type Resident = { pid: number; command: string }

/** Every process that works in `folder` or below, parents first: all that a command started there. Linux only. */
export function processesIn(folder: string): Resident[] {
  return globSync('/proc/[0-9]*')
    .flatMap((path): Resident[] => {
      try {
        const cwd = readlinkSync(join(path, 'cwd')).replace(/ \(deleted\)$/, '')
        if (cwd !== folder && !cwd.startsWith(`${folder}/`)) return []
        const command = readFileSync(join(path, 'cmdline'), 'utf8').replaceAll('\0', ' ').trim()
        return [{ pid: Number(path.slice('/proc/'.length)), command }]
      } catch {
        return []
      }
    })
    .sort((a, b) => a.pid - b.pid)
}

/** Resolves when no process is left in the folder. */
export function nothingRunsIn(folder: string): Promise<unknown> {
  return until(
    () => processesIn(folder).length === 0,
    () => `an end of ${JSON.stringify(processesIn(folder))}`,
  )
}

/** `code` is null when a signal ended it. */
export type Ended = { code: number | null; signal: NodeJS.Signals | null; out: string; err: string }

export type Started = {
  pid: number
  /** What it printed so far. */
  out(): string
  err(): string
  /** Sent to the process, or with `group` as a terminal sends Ctrl-C: to all it started and did not detach. */
  kill(signal: NodeJS.Signals, options?: { group: boolean }): void
  ended: Promise<Ended>
}

export type StartOptions = {
  env?: Record<string, string>
  /** A process group of its own, as a terminal gives a command. */
  group?: boolean
}

/** Starts `./cyclewatch ARGV` in a folder. */
export function start(folder: string, argv: string[], options: StartOptions = {}): Started {
  return startProgram(folder, LAUNCHER, argv, options)
}

/** Starts a program in a folder, in an environment that holds nothing of ours. */
export function startProgram(
  folder: string,
  file: string,
  argv: string[],
  { env = {}, group = false }: StartOptions = {},
): Started {
  const { PATH, HOME } = process.env
  const child = spawn(file, argv, {
    cwd: folder,
    env: { ...(PATH && { PATH }), ...(HOME && { HOME }), ...env },
    detached: group,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const text = heard(child)
  const pid = child.pid as number
  return {
    pid,
    out: () => text.out,
    err: () => text.err,
    kill: (signal, { group: all } = { group: false }) => process.kill(all ? -pid : pid, signal),
    ended: new Promise((done, fail) => {
      child.once('error', fail)
      child.once('close', (code, signal) => done({ code, signal, ...text }))
    }),
  }
}

function heard(child: ChildProcessByStdio<null, Readable, Readable>): { out: string; err: string } {
  const text = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (some: string) => {
    text.out += some
  })
  child.stderr.setEncoding('utf8').on('data', (some: string) => {
    text.err += some
  })
  return text
}

/** Runs `./cyclewatch ARGV` in a folder to its end. */
export function run(folder: string, argv: string[], options: StartOptions = {}): Promise<Ended> {
  return start(folder, argv, options).ended
}

const PATIENCE_MS = 25_000

/** Polls until `look` gives something that is not false, null or undefined, and returns it. Rejects after 25 s. */
export async function until<Seen>(
  look: () => Seen | Promise<Seen>,
  what: string | (() => string),
): Promise<Exclude<Seen, false | null | undefined>> {
  for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; await delay(25)) {
    const seen = await look()
    if (seen !== false && seen !== null && seen !== undefined) return seen as Exclude<Seen, false | null | undefined>
  }
  throw new Error(`waited in vain for ${typeof what === 'string' ? what : what()}`)
}
