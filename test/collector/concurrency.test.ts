import fc from 'fast-check'
import { expect, test } from 'vitest'
import { enter, leave, meanOver, type Node, openGauge } from '#collector/concurrency.ts'

const root = (): Node => ({ parent: null, children: 0, ended: false })

test('is 0 for a cycle without steps and for one that took no time', () => {
  expect(meanOver(openGauge(5), 5, 105)).toBe(0)
  expect(meanOver(openGauge(5), 5, 5)).toBe(0)
})

test('is the mean number of steps in flight', () => {
  const gauge = openGauge(0)
  const cycle = root()
  const first = enter(gauge, cycle, 0)
  const second = enter(gauge, cycle, 50)
  leave(gauge, first, 100)
  leave(gauge, second, 100)
  expect(meanOver(gauge, 0, 200)).toBe(0.75)
})

test('counts a step that contains others as they do', () => {
  const gauge = openGauge(0)
  const outer = enter(gauge, root(), 0)
  const inner = [enter(gauge, outer, 20), enter(gauge, outer, 20)]
  for (const node of inner) leave(gauge, node, 60)
  leave(gauge, outer, 100)
  expect(meanOver(gauge, 0, 100)).toBeCloseTo((60 * 1 + 40 * 2) / 100)
})

test('agrees with counting innermost steps at every moment, also when steps outlive the step around them', () => {
  const plans = fc.array(
    fc.record({ from: fc.integer({ min: 0, max: 40 }), length: fc.integer({ min: 1, max: 20 }), around: fc.nat() }),
    { minLength: 1, maxLength: 12 },
  )
  fc.assert(
    fc.property(plans, (plan) => {
      // A step lies in one that has begun and not ended, or in the cycle itself.
      const steps: { from: number; to: number; parent: number }[] = []
      for (const { from, length, around } of plan.toSorted((a, b) => a.from - b.from)) {
        const open = steps.flatMap((step, index) => (step.from <= from && from < step.to ? [index] : []))
        steps.push({ from, to: from + length, parent: open[around % (open.length + 1)] ?? -1 })
      }
      expect(measured(steps)).toBeCloseTo(counted(steps))
    }),
  )
})

type Plan = { from: number; to: number; parent: number }[]
const END = 60

function measured(steps: Plan): number {
  const gauge = openGauge(0)
  const cycle = root()
  const nodes: Node[] = []
  for (let at = 0; at <= END; at += 1) {
    steps.forEach((step, index) => {
      if (step.to === at) leave(gauge, nodes[index] as Node, at)
    })
    steps.forEach((step, index) => {
      if (step.from === at) nodes[index] = enter(gauge, nodes[step.parent] ?? cycle, at)
    })
  }
  return meanOver(gauge, 0, END)
}

function counted(steps: Plan): number {
  let area = 0
  for (let at = 0; at < END; at += 1) {
    const live = steps.map((step) => step.from <= at && at < step.to)
    area += live.filter((is, index) => is && !steps.some((step, child) => step.parent === index && live[child])).length
  }
  return area / END
}
