// run.progress: how far a cycle is, told at most once a second, the last word always.

import type { Ongoing } from '#collector/ongoing.ts'
import { tellProgress } from '#collector/telemetry/events.ts'
import type { ProgressView } from '#collector/telemetry/progress-view.ts'
import { warn } from '#collector/telemetry/trouble.ts'

const EVERY_MS = 1_000

type Progress = { done: number; total: number | undefined; toldAt: number; timer: NodeJS.Timeout | undefined }

const states = new WeakMap<Ongoing, Progress>()
let view: ProgressView | undefined

/** Shows progress on `shown` from now on; returns what ends this. */
export function showProgress(shown: ProgressView | undefined): () => void {
  view = shown
  return () => {
    shown?.close()
    if (view === shown) view = undefined
  }
}

/**
 * `done` of `total`, both numbers from 0; a total stays known once it was told. Anything else is ignored, as is progress of
 * a cycle that has ended. Tells the first at once and what follows when a second has passed.
 */
export function progressIn(ongoing: Ongoing, done: number, total?: number, now = () => performance.now()): void {
  if (!isAmount(done) || !(total === undefined || isAmount(total))) {
    warn(
      `progress of cycle '${ongoing.name}' must be numbers from 0, not ${String(done)} and ${String(total)}; ignored`,
    )
    return
  }
  const at = now()
  const state = states.get(ongoing) ?? { done, total, toldAt: Number.NEGATIVE_INFINITY, timer: undefined }
  states.set(ongoing, state)
  state.done = done
  state.total = total ?? state.total
  if (state.timer) return
  const wait = state.toldAt + EVERY_MS - at
  if (wait <= 0) tell(ongoing, state, at)
  else {
    state.timer = setTimeout(() => {
      state.timer = undefined
      tell(ongoing, state, now())
    }, wait).unref()
  }
}

function tell(ongoing: Ongoing, state: Progress, at: number): void {
  if (!ongoing.span.isRecording()) return
  state.toldAt = at
  const { done, total } = state
  tellProgress(ongoing, done, total)
  const { traceId } = ongoing.span.spanContext()
  view?.show(traceId, { name: ongoing.name, done, total, elapsedMs: at - ongoing.startedAt })
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
