import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  ANYWHERE,
  newFolder,
  nothingRunsIn,
  processesIn,
  run,
  type Started,
  start,
  until,
} from '#test/e2e/processes.ts'
import { cyclesOf, enginePid, sendCycle } from '#test/e2e/running.ts'

const PATIENCE_MS = 60_000

/** A line of figures: the cycles it counts. */
const FIGURES =
  /^20\S+Z {2}([\d,]+) cycles {2}p50 .+, p95 .+, p99 .+ {2}fast .+%, normal .+%, slow .+%, very slow .+%$/m

type Demo = { process: Started; api: string; counted: number }

/** Starts the demo as a terminal would and waits for its first line of figures. */
async function demo(folder: string): Promise<Demo> {
  const process = start(folder, ['demo'], { group: true })
  const figures = await until(
    () => FIGURES.exec(process.out()),
    () => `figures in ${process.out()}${process.err()}`,
  )
  const api = /^API (http:\S+), ingest http:\S+; Ctrl-C/m.exec(process.out())?.[1] as string
  return { process, api, counted: Number(figures[1]?.replaceAll(',', '')) }
}

test.concurrent(
  'shows percentiles, buckets and the address, ends with all it started at Ctrl-C, and finds its cycles again',
  async () => {
    const folder = newFolder()
    const first = await demo(folder)
    expect(processesIn(folder)).toHaveLength(3)
    // The one that is running comes with them.
    const cycles = (await cyclesOf(first)).filter(({ outcome }) => outcome !== 'running')
    expect(cycles.length).toBeGreaterThanOrEqual(first.counted)
    for (const { cycle, outcome, service, version, attributes } of cycles) {
      expect({ cycle, outcome, service, version }).toEqual({
        cycle: 'coin-fetcher',
        outcome: 'ok',
        service: 'lcw-fetcher',
        version: '1.0.0',
      })
      expect(attributes).toMatchObject({ 'cycle.calls': '4', 'cycle.items': '156', 'cycle.items.expected': '156' })
    }
    first.process.kill('SIGINT', { group: true })
    expect(await first.process.ended).toMatchObject({ code: 0, signal: null, err: '' })
    expect(processesIn(folder)).toEqual([])

    const second = await demo(folder)
    expect(second.counted).toBeGreaterThan(cycles.length)
    const traces = (await cyclesOf(second)).map(({ traceId }) => traceId)
    expect(traces).toEqual(expect.arrayContaining(cycles.map(({ traceId }) => traceId)))
    second.process.kill('SIGKILL')
    await nothingRunsIn(folder)
  },
  PATIENCE_MS,
)

test.concurrent(
  'sends with a token of its own where senders need one, and shows it to nobody',
  async () => {
    const secret = 'a-secret-of-the-user'
    const folder = newFolder(`${ANYWHERE}tokens: [{ name: prices, secret: ${secret}, roles: [ingest] }]\n`)
    const { process: watched } = await demo(folder)
    const ingest = /, ingest (http:\S+);/.exec(watched.out())?.[1] as string
    expect(await sendCycle({ ingest }, 'prices')).toBe(401)
    const residents = processesIn(folder)
    expect(residents).toHaveLength(3)
    for (const { pid, command } of residents) {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8')
      expect(command + environment).not.toMatch(/bearer|a-secret/i)
    }
    watched.kill('SIGINT', { group: true })
    expect(await watched.ended).toMatchObject({ code: 0, err: '' })
    expect(watched.out()).not.toMatch(/bearer|a-secret/i)
  },
  PATIENCE_MS,
)

test.concurrent(
  'ends with one line and leaves nothing behind when the sample job is killed',
  async () => {
    const folder = newFolder()
    const { process: watched } = await demo(folder)
    const sample = processesIn(folder).find(({ command }) => command.includes('sample.ts'))
    process.kill(sample?.pid as number, 'SIGKILL')
    const { code, err } = await watched.ended
    expect(code).toBe(3)
    expect(err).toBe('cyclewatch: the sample job ended by itself: SIGKILL\n')
    expect(processesIn(folder)).toEqual([])
  },
  PATIENCE_MS,
)

test.concurrent(
  'says in one line why the sample job cannot run',
  async () => {
    const folder = newFolder()
    mkdirSync(join(folder, 'data'))
    writeFileSync(join(folder, 'data/demo-coins.sqlite'), 'garbage '.repeat(1_000))
    const { code, err } = await run(folder, ['demo'])
    expect(code).toBe(3)
    expect(err).toMatch(/^cyclewatch: the sample job ended by itself: .*demo-coins\.sqlite.*not a database.*\n$/)
    expect(processesIn(folder)).toEqual([])
  },
  PATIENCE_MS,
)

test.concurrent(
  'waits while the engine is away, shows figures again, and still ends with 0 at Ctrl-C',
  async () => {
    const folder = newFolder()
    const { process: watched } = await demo(folder)
    await until(
      () => {
        killEngine(folder)
        return /^20\S+Z {2}no figures just now: .+$/m.test(watched.out())
      },
      () => `an outage in ${watched.out()}`,
    )
    const before = watched.out().length
    await until(
      () => FIGURES.test(watched.out().slice(before)),
      () => `figures in ${watched.out()}${watched.err()}`,
    )
    watched.kill('SIGINT', { group: true })
    expect(await watched.ended).toMatchObject({ code: 0, signal: null })
    expect(processesIn(folder)).toEqual([])
  },
  PATIENCE_MS,
)

/** Again and again, so that it is still away at the next look. */
function killEngine(folder: string): void {
  try {
    process.kill(enginePid(folder), 'SIGKILL')
  } catch {
    // It is away already, or its new number is being written.
  }
}

test.concurrent(
  'shows the sample alone when another job is recorded beside it, and with --json only the addresses',
  async () => {
    const folder = newFolder()
    const watched = start(folder, ['demo', '--json'], { group: true })
    const out = await until(
      () => watched.out().endsWith('}\n') && watched.out(),
      () => `addresses in ${watched.out()}${watched.err()}`,
    )
    const { ingest, api, clickhouse } = JSON.parse(out)
    expect([ingest, api, clickhouse]).toEqual(Array(3).fill(expect.stringMatching(/^http:/)))
    for (const name of ['a job', 'another', 'a third']) expect(await sendCycle({ ingest }, name)).toBe(200)
    const own = await until(
      async () => {
        const { length } = await cyclesOf({ api }, '&name=coin-fetcher').catch(() => [])
        return length > 1 && length
      },
      () => `cycles of the sample, ${watched.err()}`,
    )
    watched.kill('SIGINT', { group: true })
    expect(await watched.ended).toEqual({ code: 0, signal: null, out, err: '' })

    const { process: again, counted } = await demo(folder)
    expect(counted).toBeGreaterThanOrEqual(own)
    again.kill('SIGINT', { group: true })
    expect(await again.ended).toMatchObject({ code: 0, err: '' })
  },
  PATIENCE_MS,
)
