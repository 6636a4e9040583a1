import { expect, test } from 'vitest'
import { newFolder, nothingRunsIn, processesIn, type Started, start, until } from '#test/e2e/processes.ts'
import { cyclesOf } from '#test/e2e/running.ts'

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
    const cycles = await cyclesOf(first)
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
  'ends with one line and leaves nothing behind when the sample job is killed',
  async () => {
    const folder = newFolder()
    const { process: watched } = await demo(folder)
    const sample = processesIn(folder).find(({ command }) => command.includes('sample.ts'))
    process.kill(sample?.pid as number, 'SIGKILL')
    const { code, err } = await watched.ended
    expect(code).toBe(3)
    expect(err).toMatch(/^cyclewatch: the sample job ended by itself .*\n$/)
    expect(processesIn(folder)).toEqual([])
  },
  PATIENCE_MS,
)
