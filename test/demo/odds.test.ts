import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { mean } from 'simple-statistics'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startTelemetry } from '#collector/collector.ts'
import { ODDS_CYCLE, oddsAfter } from '#demo/odds/after.ts'
import { oddsBefore } from '#demo/odds/before.ts'
import { keptOdds, openOdds } from '#demo/odds/database.ts'
import { odds } from '#demo/odds/scenario.ts'
import { type Odds, oddsAt, QUOTES, startOddsUpstream } from '#demo/odds/upstream.ts'
import type { Side } from '#demo/scenario.ts'
import { startReceiver } from '#test/collector/receiver.ts'

let folder: string
let file: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cyclewatch-odds-'))
  file = join(folder, 'odds.db')
})

afterEach(() => rmSync(folder, { recursive: true }))

test('the odds collector with a cache and batches delivers the same odds with half the calls, none older than 30 s', async () => {
  // 25 times faster a run may be a quarter of a second late before one more call is due.
  const run = (side: Side) =>
    odds.run(side, { scale: 25, random: () => 0.5, folder, signal: new AbortController().signal })
  const before = await run('before')
  const after = await run('after')

  expect(after.rows).toBe(before.rows)
  expect([before.figures.runs, after.figures.runs]).toEqual([15, 15])
  expect(before.figures.calls).toBe(15)
  expect(after.figures.calls).toBeGreaterThanOrEqual(5)
  expect(after.figures.calls).toBeLessThanOrEqual(7)
  // Answers were kept and served, and not for too long.
  expect(after.figures.oldestServedSeconds).toBeGreaterThan(12)
  expect(after.figures.oldestServedSeconds).toBeLessThanOrEqual(30)
  expect(mean(before.seconds)).toBeGreaterThan(0.3)
  expect(mean(after.seconds)).toBeLessThan(mean(before.seconds))
  // Some hundred times on a quiet machine; the team claims three.
  expect(before.figures.writeMsARow).toBeGreaterThan(3 * (after.figures.writeMsARow ?? Number.NaN))
})

test('both sides keep every quote of every run, in a file that waits for the disk at each commit', async () => {
  await using upstream = await startOddsUpstream(100)
  for (const [side, start] of Object.entries({ before: oddsBefore, after: oddsAfter })) {
    const own = join(folder, `${side}.db`)
    await using job = start({ upstream: upstream.url, file: own, scale: 100 })
    for (const number of [0, 1]) expect(await job.run(number)).toMatchObject({ quotes: QUOTES })
    const counts = keptOdds(own).slice(-2)
    expect(counts).toEqual([0, 1].map((run) => ({ run, quotes: QUOTES })))
    using database = new DatabaseSync(own)
    expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'delete' })
  }
  using opened = openOdds(file)
  expect(opened.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 })
})

test('each cycle records its calls, hits, wait for the database and memory', async () => {
  const receiver = await startReceiver()
  const telemetry = startTelemetry({ service: 'odds', endpoint: receiver.url })
  {
    await using upstream = await startOddsUpstream(1)
    await using job = oddsAfter({ upstream: upstream.url, file, scale: 1 })
    for (const number of [0, 1]) await job.run(number)
  }
  await telemetry.shutdown()
  await receiver.close()

  const cycles = receiver.named(ODDS_CYCLE).toSorted((a, b) => a.startMs - b.startMs)
  const keys = ['cycle.outcome', 'cycle.calls', 'cycle.cache.hits', 'cycle.queries', 'cycle.items']
  expect(cycles.map(({ attributes }) => keys.map((key) => attributes[key]))).toEqual([
    ['ok', 1, 0, 1, QUOTES],
    ['ok', 0, 1, 1, QUOTES],
  ])
  for (const { attributes, durationMs } of cycles) {
    expect(attributes['cycle.db_ms']).toBeGreaterThan(0)
    expect(attributes['cycle.db_ms']).toBeLessThan(durationMs)
    expect(attributes['cycle.memory.peak_bytes']).toBeGreaterThan(10_000_000)
  }
  const writes = receiver.named('BATCH INSERT odds')
  expect(writes.map(({ attributes }) => attributes['db.operation.batch.size'])).toEqual([QUOTES, QUOTES])
})

test('the API says how old its odds are, and moves every price when it is due', async () => {
  await using upstream = await startOddsUpstream(100)
  const asked = upstream.clock()
  const answer = await fetch(`${upstream.url}/odds`)
  const { asOf, quotes } = (await answer.json()) as Odds
  // A timer may be early by a millisecond.
  expect(asOf - asked).toBeGreaterThan(190)
  expect(asOf).toBeLessThanOrEqual(upstream.clock())
  expect(quotes).toHaveLength(QUOTES)
  expect([upstream.calls(), upstream.sparedMs()]).toEqual([1, 297])
  expect((await fetch(`${upstream.url}/else`)).status).toBe(404)
  expect(upstream.calls()).toBe(1)

  const moved = [0, 53_999, 54_000, 113_999, 114_000, 180_000].map((at) => oddsAt(at).quotes)
  expect(moved.map(([first]) => first?.since)).toEqual([0, 0, 54_000, 54_000, 114_000, 114_000])
  for (const [from, to] of [
    [1, 2],
    [3, 4],
  ] as const) {
    const kept = moved[from]?.filter(({ price }, n) => moved[to]?.[n]?.price === price)
    expect(kept).toEqual([])
  }
})

test('ends in the middle of a pause when it is told to', async () => {
  const running = odds.run('after', { scale: 1, random: () => 0.5, folder, signal: AbortSignal.timeout(1_500) })
  await expect(running).rejects.toThrow('aborted')
})
