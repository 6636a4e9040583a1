import fc from 'fast-check'
import { expect, test } from 'vitest'
import { comeDue, end, IDLE, type Line, MISSED, OVERLAPS, type Rules, type Start } from '#collector/schedule/line.ts'

const rules = fc
  .record({
    overlap: fc.constantFrom(...OVERLAPS),
    maxWaiting: fc.integer({ min: 1, max: 4 }),
    missed: fc.constantFrom(...MISSED),
    maxCatchUp: fc.integer({ min: 1, max: 4 }),
  })
  .filter(({ overlap, missed }) => overlap !== 'cancel' || missed === 'skip')

/** A number comes due with so many missed before it; null: the running one ends. */
const events = fc.array(fc.option(fc.nat(6)), { maxLength: 60 })

function follow({ events, rules }: { events: (number | null)[]; rules: Rules }) {
  let line: Line = IDLE
  let due = 0
  const starts: Start[] = []
  const lines: Line[] = []
  for (const event of events) {
    if (event === null && line.state === 'idle') continue
    const dues = event === null ? [] : Array.from({ length: event + 1 }, (_, index) => due + index + 1)
    due += dues.length
    const newest = { due, jitterMs: 0, caughtUp: false }
    const move = event === null ? end(line) : comeDue(line, newest, dues.slice(0, -1), rules)
    line = move.line
    lines.push(line)
    if (move.start) starts.push(move.start)
  }
  return { line, lines, starts, came: due }
}

test('each due time runs, waits, or is told of by the next run as skipped or missed', () => {
  fc.assert(
    fc.property(fc.record({ events, rules }), (plan) => {
      const { line, starts, came } = follow(plan)
      const told = [...starts, line].reduce((sum, { skipped, missed }) => sum + skipped + missed, 0)
      const waiting = line.state === 'busy' ? line.waiting.length : 0
      expect(starts.length + waiting + told).toBe(came)
    }),
  )
})

test('runs start in the order in which they were due', () => {
  fc.assert(
    fc.property(fc.record({ events, rules }), (plan) => {
      const dues = follow(plan).starts.map(({ tick }) => tick.due)
      expect(dues).toEqual([...new Set(dues)].sort((a, b) => a - b))
    }),
  )
})

test('the line is never longer than allowed', () => {
  fc.assert(
    fc.property(fc.record({ events, rules }), (plan) => {
      const { overlap, missed, maxWaiting, maxCatchUp } = plan.rules
      const places = { skip: 0, queue: maxWaiting, cancel: 1 }[overlap]
      const most = Math.max(places, missed === 'catch_up' ? maxCatchUp + 1 : 0)
      for (const line of follow(plan).lines)
        if (line.state === 'busy') expect(line.waiting.length).toBeLessThanOrEqual(most)
    }),
  )
})
