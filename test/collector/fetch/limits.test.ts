import { describe, expect, test } from 'vitest'
import { dueAt, type Progress, timeoutError } from '#collector/fetch/limits.ts'

const LIMITS = { connectMs: 5_000, firstByteMs: 30_000, idleMs: 2_000, totalMs: 40_000, maxBytes: 1_000 }

const CASES: [what: string, progress: Progress, due: number, saying: string][] = [
  ['a connection', { stage: 'connecting', begunAt: 0, stageBegunAt: 0 }, 5_000, 'there was no connection within 5 s'],
  ['an answer', { stage: 'waiting', begunAt: 0, stageBegunAt: 100 }, 30_100, 'its answer did not begin within 30 s'],
  [
    'the next piece',
    { stage: 'reading', begunAt: 0, stageBegunAt: 9_000 },
    11_000,
    'its answer paused for more than 2 s',
  ],
  ['the end', { stage: 'reading', begunAt: 0, stageBegunAt: 39_000 }, 40_000, 'it took longer than 40 s in all'],
  [
    'an answer, in all',
    { stage: 'waiting', begunAt: 0, stageBegunAt: 11_000 },
    40_000,
    'it took longer than 40 s in all',
  ],
]

describe('how long is waited for', () => {
  for (const [what, progress, due, saying] of CASES) {
    test(what, () => {
      expect(dueAt(progress, LIMITS)).toBe(due)
      expect(timeoutError(progress, LIMITS)).toMatchObject({ name: 'TimeoutError', code: 'ETIMEDOUT', message: saying })
    })
  }
})
