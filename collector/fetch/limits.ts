// How long each part of one attempt may take, and the error when it took longer.

import { formatDuration } from '#model/durations.ts'

/**
 * Milliseconds: until the request is on a connection; then until its answer begins; between two pieces; in all.
 * `maxBytes` of the body, as it comes and decoded.
 */
export type Limits = { connectMs: number; firstByteMs: number; idleMs: number; totalMs: number; maxBytes: number }

/** The part of an attempt that is going on. */
export type Stage = 'connecting' | 'waiting' | 'reading'

/** Moments of a monotonic clock in milliseconds: when the attempt began, its stage began, and its last piece came. */
export type Progress = { stage: Stage; begunAt: number; stageBegunAt: number }

const STAGE_LIMIT = { connecting: 'connectMs', waiting: 'firstByteMs', reading: 'idleMs' } as const

const SAYING: Record<Stage, (limit: string) => string> = {
  connecting: (limit) => `there was no connection within ${limit}`,
  waiting: (limit) => `its answer did not begin within ${limit}`,
  reading: (limit) => `its answer paused for more than ${limit}`,
}

/** When to look at the attempt again. */
export function dueAt({ stage, begunAt, stageBegunAt }: Progress, limits: Limits): number {
  return Math.min(stageBegunAt + limits[STAGE_LIMIT[stage]], begunAt + limits.totalMs)
}

/** What to say of an attempt that is due: an error whose name makes the cycle's outcome `timeout`. */
export function timeoutError({ stage, begunAt, stageBegunAt }: Progress, limits: Limits): Error {
  const limitMs = limits[STAGE_LIMIT[stage]]
  const saying =
    stageBegunAt + limitMs <= begunAt + limits.totalMs
      ? SAYING[stage](formatDuration(limitMs))
      : `it took longer than ${formatDuration(limits.totalMs)} in all`
  return Object.assign(new Error(saying), { name: 'TimeoutError', code: 'ETIMEDOUT' })
}

export function tooLarge({ maxBytes }: Limits): Error {
  const error = new Error(`its answer is larger than ${maxBytes} bytes, the maxBytes of its policy`)
  return Object.assign(error, { code: 'BODY_TOO_LARGE' })
}
