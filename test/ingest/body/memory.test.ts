import { expect, test } from 'vitest'
import { memoryBudget, memoryFor } from '#ingest/body/memory.ts'
import { Unavailable } from '#model/errors.ts'

const MIB = 2 ** 20
const FULL = new Unavailable('there is no memory for more bodies at the moment')

test('leaves as much free as a sender holds', () => {
  const budget = memoryBudget(12 * MIB)
  using first = budget.hold('first')
  first.take(6 * MIB)
  expect(() => first.take(1)).toThrow(FULL)
  using second = budget.hold('second')
  second.take(3 * MIB)
  expect(() => second.take(1)).toThrow(FULL)
  expect(budget.heldBytes()).toBe(9 * MIB)
})

test('counts the requests of one sender together', () => {
  const budget = memoryBudget(12 * MIB)
  using one = budget.hold('me')
  using other = budget.hold('me')
  one.take(4 * MIB)
  expect(() => other.take(3 * MIB)).toThrow(FULL)
  other.take(2 * MIB)
})

test('gets everything back at the end, also after a refusal', () => {
  const budget = memoryBudget(12 * MIB)
  for (let round = 0; round < 100; round += 1) {
    using memory = budget.hold('me')
    memory.take(MIB)
    memory.free(memory.buffer(100_000))
    memory.buffer(3 * MIB)
    expect(() => memory.buffer(3 * MIB)).toThrow(FULL)
    memory[Symbol.dispose]()
    expect(budget.heldBytes()).toBe(0)
  }
  expect(budget.heldBytes()).toBe(0)
})

test('uses buffers again, but never one that is in use', () => {
  const budget = memoryBudget(64 * MIB)
  using one = budget.hold('me')
  const first = one.buffer(170_000)
  using other = budget.hold('me')
  expect(other.buffer(170_000)).not.toBe(first)
  one.free(first)
  one.free(first)
  expect(other.buffer(140_000)).toBe(first)
  expect(other.buffer(140_000)).not.toBe(first)
})

test('has room for all that the largest body of a sender may need, and then for that of another', () => {
  const budget = memoryBudget(memoryFor(64 * MIB))
  using one = budget.hold('one')
  using other = budget.hold('other')
  // What was received, what it becomes, and a copy with lists and maps as text.
  one.take(3 * 64 * MIB)
  other.take(64 * MIB)
  expect(() => one.take(64 * MIB)).toThrow(FULL)
})
