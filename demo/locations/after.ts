// The same analyses with the collector: five at once, in each the ten collectors side by side, what is known of a place
// asked for once, and whatever could be had is kept. Killed at any moment, the next run goes on from there.

import { join } from 'node:path'
import { type CacheStore, cycle, type FetchPolicy, fetchPolicy, type Run, sqliteStore } from '#collector/collector.ts'
import type { LocationJob } from '#demo/locations/before.ts'
import {
  type Analysed,
  type Analysis,
  COLLECTORS,
  type Collector,
  POINTS,
  type Points,
} from '#demo/locations/places.ts'
import { Unavailable } from '#model/errors.ts'

/** What one request to a collector costs, in US dollars. */
export const CALL_USD = 0.005

const AT_ONCE = 5
const DAY_MS = 24 * 3_600_000

/** `folder` keeps the answers and the results; `onResult` hears of each analysis as it is there. */
export type KeepingJob = LocationJob & { folder: string; onResult?: (analysed: Analysed) => void }
type Kit = LocationJob & { policy: FetchPolicy; store: CacheStore }

/** All analyses as one cycle, each of them as a cycle of its own. */
export async function analyseTogether(job: KeepingJob): Promise<Analysed[]> {
  const { folder, scale, signal } = job
  const store = sqliteStore(join(folder, 'answers.cache'), { maxBytes: 50_000_000 })
  const kit: Kit = { ...job, store, policy: policyFor(scale) }
  const options = { state: join(folder, 'analyses.state'), budgetMs: 3_600_000 / scale, signal }
  return cycle('location report', (run) => report(run, job, kit), options).finally(store.close)
}

async function report(run: Run, { analyses, onResult }: KeepingJob, kit: Kit): Promise<Analysed[]> {
  run.expect(analyses.length * POINTS)
  let done = 0
  const results = await run.map(analyses, { concurrency: AT_ONCE }, async (analysis, _, signal) => {
    const analysed = await run.checkpoint(analysis.id, () => analyse({ ...kit, signal }, analysis))
    done += 1
    run.progress(done, analyses.length)
    onResult?.(analysed)
    return analysed
  })
  const analysed = results.map((result) => (result.state === 'done' ? result.value : lost(result.item)))
  const incomplete = analysed.filter(({ outcome }) => outcome !== 'ok').length
  if (incomplete > 0) run.partial(`${incomplete} of ${analyses.length} analyses are incomplete`)
  run.items(analysed.reduce((sum, { points }) => sum + Object.keys(points).length, 0))
  return analysed
}

function analyse(kit: Kit, { id, persona, place }: Analysis): Promise<Analysed> {
  const { hosts, scale, store, policy, signal } = kit
  const begunAt = performance.now()
  const query = new URLSearchParams({ address: place.address, radius: String(place.radius) })
  const analyseIn = async (run: Run): Promise<Analysed> => {
    run.set('analysis.persona', persona)
    run.expect(POINTS)
    const kept = { ttlMs: DAY_MS, store }
    await run.cached(`address ${place.address}`, kept, () => getJson(run, `${hosts.validator}/validate?${query}`, id))
    let fetched = 0
    const collect = (name: Collector) => (part: { signal: AbortSignal }) =>
      run.cached(`${name} ${query}`, { ...kept, signal: part.signal }, () => {
        fetched += 1
        const paid = { signal: part.signal, cost: CALL_USD }
        return getJson<Points>(run, `${hosts.collectors[name]}/analyse?${query}`, id, paid)
      })
    const collectors = Object.fromEntries(COLLECTORS.map((name) => [name, collect(name)]))
    const { results, missing } = await run.gather(collectors, { timeoutMs: 300_000 / scale })
    const points: Points = Object.assign({}, ...Object.values(results))
    run.items(Object.keys(points).length)
    const seconds = ((performance.now() - begunAt) * scale) / 1_000
    return { id, outcome: missing.length === 0 ? 'ok' : 'partial', points, seconds, fetched }
  }
  return cycle('location analysis', analyseIn, { fetch: policy, signal })
}

async function getJson<Body>(
  run: Run,
  url: string,
  analysis: string,
  options: { signal?: AbortSignal; cost?: number } = {},
): Promise<Body> {
  const template = new URL(url).pathname
  const response = await run.fetch(url, { ...options, template, headers: { 'x-analysis': analysis } })
  if (!response.ok) throw new Unavailable(`GET ${template} answered ${response.status}`)
  return response.json<Body>()
}

/** A collector may need three minutes. One that failed is asked once more only, because each request costs money. */
function policyFor(scale: number): FetchPolicy {
  return fetchPolicy({
    timeouts: { firstByteMs: 240_000 / scale, totalMs: 250_000 / scale },
    retries: 1,
    backoff: { firstMs: 2_000 / scale },
    host: { concurrency: AT_ONCE },
  })
}

/** It never came. */
function lost({ id }: Analysis): Analysed {
  return { id, outcome: 'failed', points: {}, seconds: Number.POSITIVE_INFINITY, fetched: 0 }
}
