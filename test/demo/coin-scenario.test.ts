import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mean } from 'simple-statistics'
import { expect, test } from 'vitest'
import { seededRandom } from '#demo/coins/random.ts'
import { coins } from '#demo/coins/scenario.ts'

test('the steady coin fetcher delivers the same rows in less time, and no cycle fails', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cyclewatch-coins-'))
  const run = (side: 'before' | 'after') =>
    coins(36).run(side, { scale: 20, random: seededRandom(3), folder, signal: new AbortController().signal })
  const before = await run('before')
  const after = await run('after')
  rmSync(folder, { recursive: true })
  expect(after.rows).toBe(before.rows)
  expect([before.figures, after.figures]).toEqual(Array(2).fill({ cycles: 36, failed: 0 }))
  expect(mean(after.seconds)).toBeLessThan(mean(before.seconds))
})
