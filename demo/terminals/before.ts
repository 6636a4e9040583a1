// The job as its team had it: one request after another, fixed delays, timeouts far above what an answer takes, and a
// commit for every line of the log.

import { setTimeout as sleep } from 'node:timers/promises'
import { STATUSES, type Terminal } from '#demo/terminals/catalogue.ts'
import type { LogRow } from '#demo/terminals/database.ts'
import type { TerminalJob } from '#demo/terminals/job.ts'
import { messageOf, Unavailable } from '#model/errors.ts'

type Phase = LogRow['phase']
type Asking = { method?: string; token?: string; timeoutMs: number; phase: Phase }

const RETRIES = 3
const RETRY_DELAY_MS = 3_000
const PAUSE_MS = 1_000

/** One run of the job; its number goes into the rows. Rejects when something cannot be had after all retries. */
export async function retrieveBefore(job: TerminalJob, run: number): Promise<void> {
  const log = (phase: Phase, message: string) => write(job, run, phase, message)

  await log('login', 'log in')
  const login = { method: 'POST', timeoutMs: 45_000, phase: 'login' } as const
  const { token } = await ask<{ token: string }>(job, run, '/login', login)
  await log('login', 'logged in')

  const ids: string[] = []
  const search = { token, timeoutMs: 45_000, phase: 'search' } as const
  for (const status of STATUSES) {
    await log('search', `search ${status}`)
    const found = await ask<{ ids: string[] }>(job, run, `/terminals?status=${status}`, search)
    ids.push(...found.ids)
    await log('search', `${status}: ${found.ids.length} terminals`)
  }

  const fetching = { token, timeoutMs: 60_000, phase: 'details' } as const
  for (const id of ids) {
    await log('details', `${id}: fetch`)
    const terminal = await ask<Terminal>(job, run, `/terminals/${id}`, fetching)
    await job.database.write({ terminals: [{ run, ...terminal }] })
    for (const [part, state] of Object.entries(terminal.parts)) await log('details', `${id}: ${part} ${state}`)
    await log('details', `${id}: done`)
    await pause(job, PAUSE_MS)
  }
}

async function ask<Body>(job: TerminalJob, run: number, path: string, asking: Asking): Promise<Body> {
  const { method = 'GET', token, timeoutMs, phase } = asking
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {}
  for (let tries = 0; ; tries += 1) {
    try {
      const signal = AbortSignal.any([job.signal, AbortSignal.timeout(Math.ceil(timeoutMs / job.scale))])
      const answer = await fetch(job.upstream + path, { method, headers, signal })
      const body = await answer.text()
      if (!answer.ok) throw new Unavailable(`${method} ${path} answered ${answer.status}`)
      return JSON.parse(body) as Body
    } catch (error) {
      if (tries === RETRIES || job.signal.aborted) throw error
      await write(job, run, phase, `${path}: ${messageOf(error)}, again in 3 s`)
      await pause(job, RETRY_DELAY_MS)
    }
  }
}

function write({ database }: TerminalJob, run: number, phase: Phase, message: string): Promise<void> {
  return database.write({ logs: [{ run, at: performance.now(), phase, message }] })
}

async function pause({ scale, signal }: TerminalJob, ms: number): Promise<void> {
  await sleep(ms / scale, undefined, { signal })
}
