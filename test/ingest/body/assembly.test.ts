import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assembly } from '#ingest/body/assembly.ts'
import { memoryBudget } from '#ingest/body/memory.ts'

const MAX = 12_000_000
const budget = memoryBudget(200_000_000)

test('puts chunks of all sizes together, whatever length was announced, and gives all memory back', async () => {
  const chunks = fc.array(fc.oneof(fc.nat(300), fc.nat(70_000), fc.nat(3_000_000)), { maxLength: 8 })
  const announced = fc.oneof(fc.constant('none'), fc.constant('right'), fc.nat(MAX))
  await fc.assert(
    fc.asyncProperty(chunks, announced, async (sizes, said) => {
      using memory = budget.hold('me')
      const bodies = sizes.map((size, index) => Buffer.alloc(size, index + 1))
      const whole = Buffer.concat(bodies).subarray(0, MAX)
      const expected = said === 'none' ? null : said === 'right' ? whole.length : Number(said)
      const parts = assembly({ maxBytes: MAX, memory }, expected)
      let left = MAX
      for (const body of bodies) {
        parts.add(body.subarray(0, left))
        left -= Math.min(left, body.length)
      }
      expect(parts.length()).toBe(whole.length)
      expect((await parts.whole()).equals(whole)).toBe(true)
    }),
    { numRuns: 60 },
  )
  expect(budget.heldBytes()).toBe(0)
})

test('does not set aside what is only announced', () => {
  using memory = budget.hold('me')
  const parts = assembly({ maxBytes: MAX, memory }, MAX)
  parts.add(Buffer.from('{'))
  expect(budget.heldBytes()).toBeLessThanOrEqual(2 ** 20)
})

test('refuses one byte more than the limit', () => {
  using memory = budget.hold('me')
  const parts = assembly({ maxBytes: 10, memory }, null, ' decompressed')
  parts.add(Buffer.alloc(10))
  expect(() => parts.add(Buffer.alloc(1))).toThrow(
    expect.objectContaining({
      code: 'too_large',
      message:
        'the body is larger than 10 bytes decompressed; send less at once or raise the option ingest.maxBodyBytes',
    }),
  )
})
