import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createState, type RunState } from '#collector/state/state.ts'
import { newFile } from '#test/collector/state/files.ts'

const DAY = 86_400_000
const self = (item: string | number | bigint) => item

/** A state whose clock the test sets. */
function clocked(file = newFile()) {
  const clock = { now: Date.UTC(2026, 0, 1) }
  return { clock, state: createState(file, () => clock.now) }
}

function run<T>(state: { begin(cycle: string): RunState }, fn: (run: RunState) => T, cycle = 'coins'): T {
  const begun = state.begin(cycle)
  const value = fn(begun)
  begun.commit()
  return value
}

test('gives each item once over the runs that end well, and again after runs that fail', () => {
  const file = newFile()
  const states = [createState(file, Date.now), createState(file, Date.now)] as const
  let cycles = 0
  const plan = fc.array(
    fc.record({
      pages: fc.array(fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 12 }), { maxLength: 3 }),
      end: fc.constantFrom('commit', 'commit', 'abandon', 'crash'),
      process: fc.constantFrom(0, 1),
      reopen: fc.boolean(),
    }),
    { maxLength: 8 },
  )
  fc.assert(
    fc.property(plan, (runs) => {
      cycles += 1
      const remembered = new Set<number>()
      for (const { pages, end, process, reopen } of runs) {
        const state = states[process as 0 | 1]
        const begun = state.begin(`cycle ${cycles}`)
        const inRun = new Set<number>()
        for (const page of pages) {
          const expected = [...new Set(page)].filter((item) => !remembered.has(item) && !inRun.has(item))
          expect(begun.unseen(page, self)).toEqual(expected)
          for (const item of expected) inRun.add(item)
        }
        if (end !== 'crash') begun[end as 'commit' | 'abandon']()
        if (end === 'commit') for (const item of inRun) remembered.add(item)
        if (reopen) state.close()
      }
    }),
    { numRuns: 60 },
  )
})

test('looks up ten thousand keys at once', () => {
  const { state } = clocked()
  const items = Array.from({ length: 10_000 }, (_, id) => ({ id }))
  expect(run(state, ({ unseen }) => unseen(items, ({ id }) => id))).toHaveLength(10_000)
  const more = [...items, { id: 10_000 }]
  expect(run(state, ({ unseen }) => unseen(more, ({ id }) => id))).toEqual([{ id: 10_000 }])
})

test('keeps cycles and names apart', () => {
  const { state } = clocked()
  run(state, ({ unseen }) => unseen(['a'], self, { name: 'coins' }))
  run(state, ({ unseen }) => {
    expect(unseen(['a'], self, { name: 'markets' })).toEqual(['a'])
    expect(unseen(['a'], self)).toEqual(['a'])
    expect(unseen(['a'], self, { name: 'coins' })).toEqual([])
  })
  run(state, ({ unseen }) => expect(unseen(['a'], self, { name: 'coins' })).toEqual(['a']), 'another cycle')
})

test('takes keys of any length and text, and a number as the text of it', () => {
  const { state } = clocked()
  const keys = ['', ' ', 'ä', '𝒳', "'; DROP TABLE", 'x'.repeat(100_000), '1', '\0', '"', 1e21, 2n ** 80n, -1]
  expect(run(state, ({ unseen }) => unseen(keys, self))).toEqual(keys)
  expect(run(state, ({ unseen }) => unseen([...keys, 1, '-1', 'x'.repeat(100_001)], self))).toEqual([
    'x'.repeat(100_001),
  ])
})

test('sees again what was not dealt with, although the run ended well', () => {
  const { state } = clocked()
  run(state, ({ unseen, again }) => {
    unseen(['a', 'b', 'c'], self)
    again(['b'], self)
    again(['never looked at'], self)
  })
  expect(run(state, ({ unseen }) => unseen(['a', 'b', 'c'], self))).toEqual(['b'])
  run(state, ({ unseen, again }) => {
    unseen(['a'], self)
    again(['a'], self)
  })
  expect(run(state, ({ unseen }) => unseen(['a'], self))).toEqual([])
})

test('forgets keys that have not been among the items for the time they are kept', () => {
  const { state, clock } = clocked()
  const look = (...items: string[]) => run(state, ({ unseen }) => unseen(items, self, { keep: { ageMs: 10 * DAY } }))
  look('stays', 'goes')
  for (let day = 0; day < 30; day += 1) {
    clock.now += DAY
    expect(look('stays')).toEqual([])
  }
  expect(look('stays', 'goes')).toEqual(['goes'])
})

test('keeps the latest keys, and in any case those it just looked at', () => {
  const { state, clock } = clocked()
  const look = (items: number[]) => {
    clock.now += 1_000
    return run(state, ({ unseen }) => unseen(items, self, { keep: { count: 100 } }))
  }
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)
  for (let from = 0; from < 1_000; from += 10) expect(look(range(from, from + 10))).toHaveLength(10)
  expect(look(range(900, 1_000))).toEqual([])
  expect(look(range(0, 890))).toHaveLength(890)
  expect(look(range(0, 890))).toEqual([])
})

test('keeps what stays among the items, however many others come and go', () => {
  const { state, clock } = clocked()
  const staying = Array.from({ length: 90 }, (_, n) => `stays ${n}`)
  for (let round = 0; round < 20; round += 1) {
    clock.now += 1_000
    const passing = Array.from({ length: 5 }, (_, n) => `passes ${round} ${n}`)
    const fresh = run(state, ({ unseen }) => unseen([...staying, ...passing], self, { keep: { count: 100 } }))
    expect(fresh).toEqual(round === 0 ? [...staying, ...passing] : passing)
  }
})

test('holds no more keys than it is to keep, and a tenth', () => {
  const { state, clock } = clocked()
  const bounded = { keep: { count: 100 } }
  for (let round = 0; round < 50; round += 1) {
    clock.now += 1_000
    run(state, ({ unseen }) =>
      unseen(
        Array.from({ length: 7 }, (_, n) => `${round} ${n}`),
        self,
        bounded,
      ),
    )
  }
  const all = Array.from({ length: 50 }, (_, round) => Array.from({ length: 7 }, (_, n) => `${round} ${n}`)).flat()
  const begun = state.begin('coins')
  expect(all.length - begun.unseen(all, self).length).toBeLessThanOrEqual(110)
  begun.abandon()
})

test('keeps what it knows when the clock goes back', () => {
  const { state, clock } = clocked()
  run(state, ({ unseen }) => unseen(['a'], self))
  clock.now -= 400 * DAY
  expect(run(state, ({ unseen }) => unseen(['a', 'b'], self))).toEqual(['b'])
  clock.now += 400 * DAY
  expect(run(state, ({ unseen }) => unseen(['a'], self))).toEqual([])
})

for (const key of [undefined, null, Number.NaN, {}, true]) {
  test(`refuses ${String(key)} as a key`, () => {
    const begun = clocked().state.begin('coins')
    expect(() => begun.unseen([1, 2], (item) => (item === 1 ? 'ok' : (key as string)))).toThrow(
      expect.objectContaining({ name: 'BadInput', message: expect.stringContaining('the key of item 1 is') }),
    )
  })
}

for (const [keep, message] of [
  [{ ageMs: 0 }, 'keep.ageMs is 0'],
  [{ count: 0 }, 'keep.count is 0'],
  [{ count: 1.5 }, 'keep.count is 1.5'],
] as const) {
  test(`refuses to keep ${JSON.stringify(keep)}`, () => {
    const begun = clocked().state.begin('coins')
    expect(() => begun.unseen([1], self, { keep })).toThrow(message)
  })
}
