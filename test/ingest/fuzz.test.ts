// A few thousand hostile bodies; npm run soak has the full count.

import { expect, test } from 'vitest'
import { useDatabase } from '#test/database.ts'
import { fuzz } from '#test/soak/fuzz.ts'

const { db, select } = useDatabase()

test('stores every accepted body and as many rows as it counted, however hostile', { timeout: 240_000 }, async () => {
  const fuzzed = await fuzz({ db, select }, 11, 3_600)
  expect(fuzzed.flatMap(({ faults }) => faults)).toEqual([])
  for (const { accepted, bodies, rows } of fuzzed) {
    expect(accepted).toBeGreaterThan(bodies / 5)
    expect(accepted).toBeLessThan((bodies * 4) / 5)
    expect(rows).toBeGreaterThan(0)
  }
})
