import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { memoryStore } from '#collector/collector.ts'
import { seededRandom } from '#demo/coins/random.ts'
import { rememberTerminals, retrieveAfter } from '#demo/terminals/after.ts'
import { drawCourses, STATUSES, TERMINALS } from '#demo/terminals/catalogue.ts'
import { createTerminalDatabase } from '#demo/terminals/database.ts'
import { terminals } from '#demo/terminals/scenario.ts'
import { BEARS, startTerminalUpstream } from '#demo/terminals/upstream.ts'

const SCALE = 100
const { signal } = new AbortController()

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cyclewatch-terminals-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

test('delivers the same terminals after as before, faster, with fewer searches and far fewer transactions', async () => {
  const tell = (side: 'before' | 'after') =>
    terminals.run(side, { scale: SCALE, random: seededRandom(1), folder, signal })
  const before = await tell('before')
  const after = await tell('after')

  expect(after.rows).toBe(before.rows)
  expect(before.figures).toMatchObject({ terminals: 14, mostAtOnce: 1, slowDowns: 0, calls: 37, searches: 9 })
  // What it waits for on purpose alone: no machine is faster.
  expect(Math.min(...before.seconds)).toBeGreaterThan(570)
  expect(after.figures).toMatchObject({ terminals: 14, slowDowns: 0, refused: 0 })
  expect(after.figures.mostAtOnce).toBeLessThanOrEqual(BEARS)
  expect(after.figures.mostAtOnce).toBeGreaterThan(1)
  expect(after.figures.searches).toBeLessThan(STATUSES.length)
  expect(10 * Number(after.figures.writes)).toBeLessThan(Number(before.figures.writes))
  expect(Math.max(...after.seconds)).toBeLessThan(Math.min(...before.seconds) / 2)
}, 120_000)

test('takes no other terminal down when one cannot be had', async () => {
  await using upstream = await startTerminalUpstream({ scale: SCALE, random: seededRandom(2), broken: ['T-07'] })
  using database = createTerminalDatabase(join(folder, 'terminals.db'), SCALE)
  const job = { upstream: upstream.url, database, scale: SCALE, signal }
  const memory = rememberTerminals(job, memoryStore({ maxBytes: 100_000 }))
  expect(await retrieveAfter(job, memory, 1)).toEqual(['T-07'])
  await memory.logs.close()

  expect(database.terminals().map(({ id }) => id)).toEqual(TERMINALS.filter((id) => id !== 'T-07'))
  const lines = database.logs().map(({ message }) => message)
  expect(lines.filter((line) => line.endsWith(': done'))).toHaveLength(13)
  expect(new Set(lines.filter((line) => !line.endsWith(': fetch'))).size).toBe(4 + 13 * 19)
  expect(upstream.traffic().mostAtOnce).toBeLessThanOrEqual(BEARS)
})

test('is pushed into a slow-down by more than five requests at once, and refuses the rest', async () => {
  await using upstream = await startTerminalUpstream({ scale: SCALE, random: seededRandom(3) })
  const ask = (id: string) =>
    fetch(`${upstream.url}/terminals/${id}`, {
      headers: { authorization: 'Bearer visit-1' },
      signal: AbortSignal.timeout(1_000),
    }).then(
      ({ status }) => String(status),
      (error: Error) => (error.name === 'TimeoutError' ? 'hung' : 'dropped'),
    )

  const five = await Promise.all(TERMINALS.slice(0, 5).map(ask))
  expect(five.filter((answer) => answer === '429' || answer === 'dropped')).toEqual([])
  expect(upstream.traffic()).toMatchObject({ mostAtOnce: 5, slowDowns: 0, refused: 0 })

  const eight = await Promise.all(TERMINALS.slice(0, 8).map(ask))
  expect(eight.filter((answer) => answer === '429')).toHaveLength(2)
  expect(eight.filter((answer) => answer === 'dropped')).toHaveLength(1)
  expect(upstream.traffic()).toMatchObject({ slowDowns: 1, refused: 3 })
  expect(upstream.traffic().mostAtOnce).toBeGreaterThan(BEARS)
})

test('hands out no terminal without a log-in', async () => {
  await using upstream = await startTerminalUpstream({ scale: SCALE, random: seededRandom(4) })
  expect((await fetch(`${upstream.url}/terminals/T-01`)).status).toBe(401)
})

test('has seven requests hang and eight fail whatever is drawn, and all answers take about as long together', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const courses = [...drawCourses(seededRandom(seed)).values()]
      const faults = courses.flatMap((course) => course.faults)
      expect(faults.filter((fault) => fault === 'hang')).toHaveLength(7)
      expect(faults.filter((fault) => fault === 'fail')).toHaveLength(8)
      const seconds = courses.reduce((sum, { tookMs }) => sum + tookMs / 1_000, 0)
      expect(Math.abs(seconds - 81)).toBeLessThan(4.6)
    }),
  )
})

test('writes a batch once although it is written twice', async () => {
  using database = createTerminalDatabase(join(folder, 'terminals.db'), SCALE)
  const logs = [{ run: 1, at: 0, phase: 'login' as const, message: 'log in' }]
  await database.write({ logs }, 'one')
  await database.write({ logs }, 'one')
  await database.write({ logs }, 'two')
  expect(database.logs()).toHaveLength(2)
  expect(database.spent().writes).toBe(3)
})
