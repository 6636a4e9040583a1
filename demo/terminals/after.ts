// The job with the collector: never more than five requests at once, timeouts near what an answer takes, retries with
// jitter, the search remembered from run to run, and the log written in batches.

import {
  type Batcher,
  batcher,
  type CacheStore,
  cycle,
  type FetchOptions,
  type FetchPolicy,
  fetchPolicy,
  type Run,
} from '#collector/collector.ts'
import { STATUSES, type Terminal } from '#demo/terminals/catalogue.ts'
import type { LogRow } from '#demo/terminals/database.ts'
import type { TerminalJob } from '#demo/terminals/job.ts'
import { Unavailable } from '#model/errors.ts'

/** Made once, beside the job, because they remember from run to run. */
export type TerminalMemory = { policy: FetchPolicy; logs: Batcher<LogRow>; store: CacheStore }

/** What the upstream bears by experience. Fewer when it slows down or answers are lost, more when it recovers. */
const AT_ONCE = { min: 3, max: 5, initial: 5 }
/** The second for those that failed in the first. */
const ROUNDS = 2
const DATABASE = { system: 'sqlite', namespace: 'terminals' }

/** `store` keeps what the search found. Close `logs` at the end. */
export function rememberTerminals({ database, scale }: TerminalJob, store: CacheStore): TerminalMemory {
  const policy = fetchPolicy({
    timeouts: { firstByteMs: { floorMs: 6_000 / scale, ceilingMs: 12_000 / scale } },
    backoff: { firstMs: 500 / scale, longestMs: 2_000 / scale },
    host: {
      concurrency: AT_ONCE,
      breaker: { failures: 10, openMs: 10_000 / scale },
    },
    breakerWaitMs: 60_000 / scale,
  })
  const logs = batcher<LogRow>({
    size: 200,
    everyMs: 10_000 / scale,
    summary: 'INSERT logs',
    db: DATABASE,
    write: (rows, { id }) => database.write({ logs: rows }, id),
  })
  return { policy, logs, store }
}

/** One run's dealings with the upstream. */
type Visit = {
  run: Run
  ask: <Body>(path: string, options: FetchOptions) => Promise<Body>
  log: (phase: LogRow['phase'], message: string) => Promise<void>
}

/** One run of the job; its number goes into the rows. Resolves with the ids of the terminals that could not be had. */
export function retrieveAfter(job: TerminalJob, memory: TerminalMemory, number: number): Promise<string[]> {
  const { upstream, database, scale, signal } = job
  const { policy, logs } = memory
  const options = { fetch: policy, budgetMs: 600_000 / scale, signal }

  return cycle('terminal-retrieval', retrieve, options)

  async function retrieve(run: Run): Promise<string[]> {
    const visit: Visit = {
      run,
      ask: (path, options) => askFor(run, upstream + path, options),
      log: (phase, message) => logs.add({ run: number, at: performance.now(), phase, message }),
    }
    const headers = await logIn(visit)
    const ids = await known(visit, headers, memory.store, scale)
    const { terminals, lost } = await fetchAll(visit, headers, ids)

    const rows = terminals.map((terminal) => ({ run: number, ...terminal }))
    const save = () => database.write({ terminals: rows })
    await run.db(DATABASE).query('INSERT terminals', save, { batchSize: rows.length })
    await logs.flush()
    run.expect(ids.length)
    run.items(rows.length)
    if (lost.length > 0) run.partial(`no details of ${lost.join(', ')}`)
    return lost
  }
}

type Headers = Record<string, string>

async function logIn({ ask, log }: Visit): Promise<Headers> {
  await log('login', 'log in')
  // Logging in twice does no harm, so it may be tried again when its answer is lost.
  const { token } = await ask<{ token: string }>('/login', { method: 'POST', template: '/login', idempotent: true })
  await log('login', 'logged in')
  return { authorization: `Bearer ${token}` }
}

/** The ids of all terminals, searched for once a day. */
async function known({ run, ask, log }: Visit, headers: Headers, store: CacheStore, scale: number): Promise<string[]> {
  await log('search', 'search')
  const aDay = 86_400_000 / scale
  const options = { name: 'terminal search', store, ttlMs: aDay, staleIfErrorMs: aDay }
  const ids = await run.cached('terminal ids', options, async () => {
    const searches = STATUSES.map((status) => {
      const search = () => ask<{ ids: string[] }>(`/terminals?status=${status}`, { template: '/terminals', headers })
      return [status, search] as const
    })
    const { results } = await run.gather(Object.fromEntries(searches), { need: 'all', timeoutMs: 180_000 / scale })
    return Object.values(results).flatMap((found) => found.ids)
  })
  await log('search', `${ids.length} terminals`)
  return ids
}

/** Those that fail hold up no other, and get another chance when the others are through. */
async function fetchAll(visit: Visit, headers: Headers, ids: string[]) {
  const terminals: Terminal[] = []
  let lost = ids
  for (let round = 1; round <= ROUNDS && lost.length > 0; round += 1) {
    const results = await visit.run.map(lost, { concurrency: AT_ONCE.max }, (id) => fetchOne(visit, headers, id))
    for (const result of results) if (result.state === 'done') terminals.push(result.value)
    lost = results.filter(({ state }) => state === 'failed').map(({ item }) => item)
  }
  return { terminals, lost }
}

async function fetchOne({ ask, log }: Visit, headers: Headers, id: string): Promise<Terminal> {
  await log('details', `${id}: fetch`)
  const terminal = await ask<Terminal>(`/terminals/${id}`, { template: '/terminals/{id}', headers })
  for (const [part, state] of Object.entries(terminal.parts)) await log('details', `${id}: ${part} ${state}`)
  await log('details', `${id}: done`)
  return terminal
}

async function askFor<Body>(run: Run, url: string, options: FetchOptions): Promise<Body> {
  const answer = await run.fetch(url, options)
  if (!answer.ok) throw new Unavailable(`${options.template} answered ${answer.status}`)
  return answer.json<Body>()
}
