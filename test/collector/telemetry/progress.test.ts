import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import {
  lineOf,
  lineView,
  liveView,
  openProgressView,
  type Screen,
  screenOf,
} from '#collector/telemetry/progress-view.ts'
import { until } from '#test/collector/telemetry/telling.ts'

function screen(isTTY: boolean): Screen & { text: () => string } {
  let text = ''
  const stream = new Writable({
    write(chunk, _, done) {
      text += chunk
      done()
    },
  })
  return Object.assign(stream, { isTTY, columns: 80, rows: 24, text: () => text })
}

const ENTRY = { name: 'coins', done: 42, total: 250, elapsedMs: 12_400 }

const lines: [what: string, entry: Partial<typeof ENTRY>, line: string][] = [
  ['how far it is', {}, 'coins: 42 of 250 (16 %), 12 s'],
  ['only what is done without a total', { total: undefined as unknown as number }, 'coins: 42, 12 s'],
  ['no share of nothing', { done: 0, total: 0 }, 'coins: 0, 12 s'],
  ['more than all', { done: 300 }, 'coins: 300 of 250 (120 %), 12 s'],
  ['a name without what moves the cursor', { name: 'co\u001b[2Jins\n' }, 'co [2Jins : 42 of 250 (16 %), 12 s'],
]

for (const [what, entry, line] of lines) {
  test(`tells ${what}`, () => expect(lineOf({ ...ENTRY, ...entry })).toBe(line))
}

test('draws a bar for each of the first cycles, and counts the rest', () => {
  const drawn = screenOf([
    { ...ENTRY, done: 125 },
    { ...ENTRY, done: 999 },
    ...Array.from({ length: 10 }, () => ({ ...ENTRY, total: undefined })),
  ]).split('\n')
  expect(drawn[0]).toBe('██████████░░░░░░░░░░ coins: 125 of 250 (50 %), 12 s')
  expect(drawn[1]).toMatch(/^█{20} coins/)
  expect(drawn[2]).toMatch(/^░{20} coins/)
  expect(drawn).toHaveLength(11)
  expect(drawn[10]).toBe('and 2 more')
})

const views: [wanted: boolean | 'auto', isTTY: boolean, shown: boolean][] = [
  [false, true, false],
  ['auto', false, false],
  ['auto', true, true],
  [true, true, true],
  [true, false, true],
]

for (const [wanted, isTTY, shown] of views) {
  test(`shows ${shown ? 'progress' : 'nothing'} for ${wanted} ${isTTY ? 'on a terminal' : 'elsewhere'}`, () => {
    expect(openProgressView(wanted, screen(isTTY)) !== undefined).toBe(shown)
  })
}

test('prints lines where there is no terminal', () => {
  const paper = screen(false)
  const view = lineView(paper)
  view.show('a', ENTRY)
  view.end('a')
  view.close()
  expect(paper.text()).toBe('coins: 42 of 250 (16 %), 12 s\n')
})

test('goes on when what it prints to is gone', async () => {
  const gone = new Writable({ write: (_, __, done) => done(Object.assign(new Error('gone'), { code: 'EPIPE' })) })
  for (const view of [lineView(gone), lineView(gone)]) {
    view.show('a', ENTRY)
    view.show('a', ENTRY)
    view.close()
  }
  await new Promise((resolve) => setImmediate(resolve))
  expect(gone.errored?.message).toBe('gone')
})

test('redraws lines in place on a terminal, and takes them away with their cycles', async () => {
  const terminal = screen(true)
  const view = liveView(terminal)
  view.show('a', ENTRY)
  await until(() => terminal.text().includes('42 of 250'), 'the first line')
  view.show('b', { ...ENTRY, name: 'terminals' })
  view.show('a', { ...ENTRY, done: 43 })
  expect(terminal.text()).toContain('43 of 250')
  expect(terminal.text()).toContain('terminals: 42')
  const before = terminal.text().length
  view.end('a')
  view.end('b')
  expect(terminal.text().slice(before)).toContain('\u001b[2K')
  view.close()
})
