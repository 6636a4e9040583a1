import { expect, test } from 'vitest'
import { lineView, screenView, type View, watch } from '#cli/watching.ts'
import { Unavailable } from '#model/errors.ts'
import { NOW, QUIET } from '#test/cli/live-state.ts'
import { output, written } from '#test/cli/surroundings.ts'

/** Looks once for every word, and stops at the last. */
async function watchThrough(view: View, looks: ('seen' | 'away')[]): Promise<void> {
  const stop = new AbortController()
  const left = [...looks]
  const observe = async (now: number) => {
    const look = left.shift()
    if (look === undefined) stop.abort()
    if (look === 'away') throw new Unavailable('ClickHouse\ncannot be reached')
    return { ...QUIET, now }
  }
  await watch(view, observe, stop.signal, () => NOW)
}

const WAITING = '2026-11-01T08:00:00Z  waiting for the first cycle to end'
const AWAY = '2026-11-01T08:00:00Z  no figures just now: ClickHouse␊cannot be reached'

test('says once that there are no figures and goes on when there are again', async () => {
  const stdout = output()
  await watchThrough(lineView({ stdout }, 1), ['seen', 'away', 'away', 'seen', 'away', 'seen'])
  const lines = [WAITING, AWAY, WAITING, AWAY, WAITING]
  expect(written(stdout)).toBe(lines.map((line) => `${line}\n`).join(''))
})

test('keeps the last screen while there are no figures', async () => {
  const stdout = output()
  const screens: string[] = []
  const view = screenView({ stdout }, { colour: false, width: 120 }, 1)
  const miss = (line: string) => {
    written(stdout)
    view.clear()
    view.miss(line)
    screens.push(written(stdout))
  }
  await watchThrough({ ...view, miss }, ['seen', 'away', 'away', 'seen'])
  expect(screens).toHaveLength(2)
  for (const screen of screens) {
    expect(screen).toContain('Cyclewatch demo')
    expect(screen).toContain(AWAY)
  }
})

test('ends with what is no outage', async () => {
  const bug = new TypeError('x is undefined')
  const watching = watch(
    lineView({ stdout: output() }, 1),
    () => Promise.reject(bug),
    new AbortController().signal,
    () => NOW,
  )
  await expect(watching).rejects.toBe(bug)
})
