import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { seededRandom } from '#demo/coins/random.ts'
import { analyseTogether } from '#demo/locations/after.ts'
import {
  ANALYSES,
  type Analysed,
  type Analysis,
  COLLECTORS,
  PLACES,
  type Place,
  POINTS,
  type Points,
} from '#demo/locations/places.ts'
import { locations, referenceOf, rowsOf, runLocations } from '#demo/locations/scenario.ts'
import { drawReplies } from '#demo/locations/trouble.ts'
import { type LocationUpstream, startLocationUpstream } from '#demo/locations/upstream.ts'
import { hashOf } from '#demo/scenario.ts'
import { start } from '#test/collector/telemetry/telling.ts'

const SCALE = 100
const SEED = 1

let folder: string
let upstream: LocationUpstream | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cyclewatch-locations-'))
})
afterEach(async () => {
  await upstream?.close()
  upstream = undefined
  rmSync(folder, { recursive: true })
})

const options = () => ({ scale: SCALE, random: seededRandom(SEED), folder, signal: new AbortController().signal })

async function startUpstream(): Promise<LocationUpstream> {
  upstream = await startLocationUpstream(SCALE, seededRandom(SEED))
  return upstream
}

const firstOf = (place: Place | undefined) => ANALYSES.find((analysis) => analysis.place === place) as Analysis
const centre = PLACES.filter(({ isCentre }) => isCentre)
const outskirts = PLACES.filter(({ isCentre }) => !isCentre)

/** One of the place without zoning, one that hesitates, one without trouble. */
const VARIED = [centre.at(-1), centre[0], outskirts[0]].map(firstOf)

test('asks for 80 analyses of 66 points at 14 places, most of them in the centre', () => {
  expect([ANALYSES.length, POINTS, COLLECTORS.length, PLACES.length]).toEqual([80, 66, 10, 14])
  expect(new Set(ANALYSES.map(({ id }) => id)).size).toBe(80)
  expect(new Set(ANALYSES.map(({ place }) => place)).size).toBe(14)
  expect(ANALYSES.filter(({ place }) => place.isCentre)).toHaveLength(68)
  expect(new Set(ANALYSES.map(({ persona }) => persona)).size).toBe(3)
})

test('draws the times that the team told of, whatever is drawn', () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const replies = drawReplies(seededRandom(seed))
    const times = (place: Place) => COLLECTORS.map((collector) => replies(collector, place, 1).seconds)
    // What the team's program waited: 2 s for the validation, and 30 s at most for each collector.
    const waited = (place: Place) => 2 + times(place).reduce((sum, seconds) => sum + Math.min(30, seconds), 0)
    const mean = ANALYSES.reduce((sum, { place }) => sum + waited(place), 0) / ANALYSES.length
    expect(mean).toBeGreaterThan(138)
    expect(mean).toBeLessThan(146)
    for (const place of PLACES) {
      const slow = times(place).filter((seconds) => seconds > 30)
      expect(slow).toHaveLength(place.isCentre ? 1 : 0)
      expect(Math.min(...times(place))).toBeGreaterThanOrEqual(8)
      expect(Math.max(...times(place))).toBeLessThanOrEqual(180)
    }
  }
})

test('delivers all there is of 80 analyses with a fifth of the calls', async () => {
  const { seconds, figures } = await locations.run('after', options())
  expect(seconds).toHaveLength(80)
  expect(figures).toMatchObject({ ok: 77, partial: 3, failed: 0, points: 77 * 66 + 3 * 60, pointsMissing: 0 })
  // 140 pairs of a collector and a place, four refusals, and one that is asked twice by up to three analyses.
  expect(figures.calls).toBeGreaterThanOrEqual(140)
  expect(figures.calls).toBeLessThanOrEqual(160)
  expect(figures.validations).toBe(7)
  expect(figures.cacheHitRate).toBeGreaterThan(0.7)
  expect(figures.costUSD).toBeCloseTo((figures.calls as number) * 0.005, 6)
  expect(figures).toMatchObject({ throttled: 0 })
  expect(figures.mostAnalyses).toBeLessThanOrEqual(5)
  expect(figures.mostConnections).toBeLessThanOrEqual(5)
})

test('had nothing of an analysis with a slow collector before, and the same rows', async () => {
  const before = await runLocations('before', options(), VARIED)
  const after = await runLocations('after', options(), VARIED)
  expect(before.figures.timeouts).toBeGreaterThanOrEqual(2)
  expect(before.figures).toMatchObject({ partial: 0, calls: 30, validations: 3, throttled: 0, cacheHitRate: 0 })
  expect(after.figures).toMatchObject({ ok: 2, partial: 1, failed: 0, pointsMissing: 0, calls: 32 })
  expect(before.rows).toBe(after.rows)
  const again = await runLocations('after', options(), VARIED)
  expect(again.figures).toMatchObject({ ok: 2, partial: 1, calls: 32 })
})

test('has other rows for a point that is wrong, invented or missing, and the same for an analysis that failed', () => {
  const [analysis] = VARIED as [Analysis]
  const reference = referenceOf(analysis)
  const hash = (outcome: Analysed['outcome'], points: Points) =>
    hashOf(rowsOf([analysis], [{ id: analysis.id, outcome, points, seconds: 1, fetched: 10 }]))
  const whole = hash('partial', reference)
  expect(hash('timeout', {})).toBe(whole)
  expect(hash('partial', {})).not.toBe(whole)
  expect(hash('partial', { ...reference, 'rents.vacancy': -1 })).not.toBe(whole)
  expect(hash('partial', { ...reference, 'rents.castles': 1 })).not.toBe(whole)
})

test('has for its reference what a client gets that waits and asks again', async () => {
  const { hosts } = await startUpstream()
  const ask = async (url: string): Promise<Points> => {
    for (let tries = 0; tries < 4; tries += 1) {
      const response = await fetch(url)
      if (response.ok) return (await response.json()) as Points
      await response.body?.cancel()
    }
    return {}
  }
  const places = [centre[0], centre.at(-1), outskirts[0]] as Place[]
  const patient = await Promise.all(
    places.map(async ({ address, radius }) => {
      const query = new URLSearchParams({ address, radius: String(radius) })
      const urls = COLLECTORS.map((collector) => `${hosts.collectors[collector]}/analyse?${query}`)
      return Object.assign({}, ...(await Promise.all(urls.map(ask)))) as Points
    }),
  )
  expect(patient).toEqual(places.map((place) => referenceOf(firstOf(place))))
  expect(patient.map((points) => Object.keys(points).length)).toEqual([66, 60, 66])
})

test('makes those wait longer who run a sixth analysis', async () => {
  const { hosts, tally } = await startUpstream()
  const [place] = outskirts as [Place]
  const query = new URLSearchParams({ address: place.address, radius: String(place.radius) })
  const ask = async (collector: number, analysis: string) => {
    const url = `${hosts.collectors[COLLECTORS[collector] ?? 'zoning']}/analyse?${query}`
    await (await fetch(url, { headers: { 'x-analysis': analysis } })).text()
  }
  await Promise.all(Array.from({ length: 5 }, (_, index) => ask(index, String(index))))
  expect(tally).toMatchObject({ throttled: 0, mostAnalyses: 5, mostConnections: 1 })
  await Promise.all(Array.from({ length: 6 }, (_, index) => ask(index, String(index))))
  expect(tally).toMatchObject({ throttled: 1, mostAnalyses: 6 })
  await Promise.all(Array.from({ length: 6 }, () => ask(0, 'one')))
  expect(tally.mostConnections).toBe(6)
  expect(tally.throttled).toBeGreaterThan(1)
})

test('tells of each analysis what it yielded, what it lacks and what it cost', async () => {
  const { receiver, telemetry } = await start()
  const { hosts, tally } = await startUpstream()
  const { signal } = options()
  const analysed = await analyseTogether({ hosts, analyses: VARIED, scale: SCALE, folder, signal })
  await telemetry.flush()

  const roots = receiver.named('location analysis').map(({ attributes }) => attributes)
  const outcomes = roots.map((root) => [root['cycle.outcome'], root['cycle.items'], root['cycle.items.expected']])
  expect(outcomes.toSorted()).toEqual([
    ['ok', 66, 66],
    ['ok', 66, 66],
    ['partial', 60, 66],
  ])
  const cost = roots.reduce((sum, root) => sum + (root['cycle.cost'] as number), 0)
  expect(cost).toBeCloseTo(tally.calls * 0.005, 6)
  const partial = roots.find((root) => root['cycle.outcome'] === 'partial')
  expect(partial?.['cycle.parts.missing']).toEqual(['zoning'])
  expect(analysed.map(({ outcome }) => outcome)).toEqual(['partial', 'ok', 'ok'])

  const report = receiver.one('location report').attributes
  expect(report).toMatchObject({ 'cycle.outcome': 'partial', 'cycle.items': 192, 'cycle.items.expected': 198 })
  const progress = receiver.records.filter(({ event }) => event === 'cycle.progress')
  expect(progress[0]?.attributes).toMatchObject({ 'cycle.progress.done': 1, 'cycle.progress.total': 3 })
})

/** Says the id of each analysis once it is there. */
const JOB = `
  import { analyseTogether } from '#demo/locations/after.ts'
  const { hosts, analyses, folder, scale } = JSON.parse(process.argv[1])
  const onResult = ({ id }) => process.stdout.write(id + '\\n')
  await analyseTogether({ hosts, analyses, folder, scale, signal: new AbortController().signal, onResult })
`

/** The place with the slowest collector of all. */
function slowestPlace(): Place {
  const replies = drawReplies(seededRandom(SEED))
  const slowest = (place: Place) => Math.max(...COLLECTORS.map((collector) => replies(collector, place, 1).seconds))
  return centre.toSorted((a, b) => slowest(b) - slowest(a))[0] as Place
}

/** Kills the job when all but the analysis of the slowest place are there, and that lacks only its slow collector. */
async function killJob(job: object): Promise<string[]> {
  const cwd = resolve(import.meta.dirname, '../..')
  const child = spawn(process.execPath, ['--input-type=module', '--eval', JOB, JSON.stringify(job)], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const there: string[] = []
  for await (const id of createInterface(child.stdout)) {
    if (there.push(id) === 3) break
  }
  await sleep(500)
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return there
}

const kept = [
  { name: 'the answers', lost: 'analyses.state', askedAgain: 1 },
  { name: 'the results', lost: 'answers.cache', askedAgain: 10 },
]

for (const { name, lost, askedAgain } of kept) {
  test(`asks for no analysis again that was there before a kill -9, by ${name} alone`, async () => {
    const { hosts, tally } = await startUpstream()
    const analyses = [slowestPlace(), ...outskirts.slice(0, 3)].map(firstOf)
    const job = { hosts, analyses, folder, scale: SCALE }
    const there = await killJob(job)
    expect(there.toSorted()).toEqual(
      analyses
        .slice(1)
        .map(({ id }) => id)
        .toSorted(),
    )
    for (const end of ['', '-wal', '-shm']) rmSync(join(folder, lost + end), { force: true })

    const asked = new Map(tally.asked)
    const analysed = await analyseTogether({ ...job, signal: new AbortController().signal })
    expect(analysed.map(({ points }) => points)).toEqual(analyses.map(referenceOf))
    const again = [...tally.asked].filter(([pair, times]) => times > (asked.get(pair) ?? 0)).map(([pair]) => pair)
    const { address, radius } = slowestPlace()
    expect(again.filter((pair) => !pair.endsWith(`${address} ${radius}`))).toEqual([])
    expect(again).toHaveLength(askedAgain)
  })
}
