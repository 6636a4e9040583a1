// The analyses as their team had them: one after another, in each the ten collectors one after another, 30 s for each, and
// nothing of an analysis kept when a collector is missing.

import { type Analysed, type Analysis, COLLECTORS, type Points } from '#demo/locations/places.ts'
import type { Hosts } from '#demo/locations/upstream.ts'

const TIMEOUT_MS = 30_000

export type LocationJob = {
  hosts: Hosts
  analyses: readonly Analysis[]
  /** How many times faster than the original everything is. */
  scale: number
  signal: AbortSignal
}

export async function analyseOneByOne(job: LocationJob): Promise<Analysed[]> {
  const analysed: Analysed[] = []
  for (const analysis of job.analyses) {
    const begunAt = performance.now()
    const result = await analyse(job, analysis)
    const seconds = ((performance.now() - begunAt) * job.scale) / 1_000
    analysed.push({ ...result, id: analysis.id, seconds, fetched: COLLECTORS.length })
  }
  return analysed
}

async function analyse(job: LocationJob, { id, place }: Analysis): Promise<Pick<Analysed, 'outcome' | 'points'>> {
  const { validator, collectors } = job.hosts
  const query = new URLSearchParams({ address: place.address, radius: String(place.radius) })
  const points: Points = {}
  let outcome: Analysed['outcome'] = 'ok'
  await getJson(job, `${validator}/validate?${query}`, id)
  for (const collector of COLLECTORS) {
    try {
      Object.assign(points, await getJson<Points>(job, `${collectors[collector]}/analyse?${query}`, id))
    } catch (error) {
      job.signal.throwIfAborted()
      const isTimeout = error instanceof Error && error.name === 'TimeoutError'
      if (outcome !== 'timeout') outcome = isTimeout ? 'timeout' : 'failed'
    }
  }
  return { outcome, points: outcome === 'ok' ? points : {} }
}

async function getJson<Body>({ scale, signal }: LocationJob, url: string, analysis: string): Promise<Body> {
  const timeout = AbortSignal.timeout(Math.ceil(TIMEOUT_MS / scale))
  const response = await fetch(url, {
    headers: { 'x-analysis': analysis },
    signal: AbortSignal.any([signal, timeout]),
  })
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  return (await response.json()) as Body
}
