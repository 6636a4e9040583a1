// Sends the metrics, every ten seconds and when asked. They are cumulative: what one export could not deliver the next one
// does, so nothing is kept for it. Nothing here throws, rejects, or keeps the process alive.

import type { Outlet } from '#collector/telemetry/outlet.ts'
import type { Failure } from '#collector/telemetry/queue.ts'
import type { ExportedMetrics } from '#collector/telemetry/wirings.ts'

export type Meter = {
  /** Whether something was counted that no export has delivered. */
  isDirty(): boolean
  /** Sends what is counted now; resolves when that is answered or failed, at the latest after `patienceMs`. */
  flush(patienceMs: number): Promise<void>
  /** Whether the last export failed. */
  isStuck(): boolean
  close(): void
}

export type Metering = {
  outlet: Outlet<ExportedMetrics>
  collect: () => ExportedMetrics
  /** How often anything changed that is worth an export of its own at the end. */
  changes: () => number
  everyMs: number
  onFailure: (failure: Failure) => void
}

export function createMeter({ outlet, collect, changes, everyMs, onFailure }: Metering): Meter {
  let underway: Promise<void> | undefined
  let next: Promise<void> | undefined
  let delivered = changes()
  let stuck = false
  let pausedUntil = 0
  const send = async () => {
    const counted = changes()
    const sent = await outlet.send(collect())
    stuck = sent.state === 'unreachable'
    if (sent.state === 'stored') delivered = counted
    else onFailure({ message: sent.message, lost: 0 })
    if (sent.state === 'unreachable') pausedUntil = performance.now() + (sent.retryAfterMs ?? 0)
  }
  const start = () => {
    underway = send().finally(() => {
      underway = undefined
    })
    return underway
  }
  /** One at a time, and at most one that waits for it: it takes along whatever is counted until it goes. */
  const sendNext = () => {
    if (!underway) return start()
    next ??= underway.then(() => {
      next = undefined
      return start()
    })
    return next
  }
  const timer = setInterval(() => {
    if (!underway && performance.now() >= pausedUntil) void sendNext()
  }, everyMs).unref()
  return {
    isDirty: () => changes() !== delivered,
    isStuck: () => stuck,
    flush: (patienceMs) => within(sendNext(), patienceMs),
    close: () => clearInterval(timer),
  }
}

/** The timer does keep the process alive: someone waits for this. */
function within(work: Promise<void>, patienceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, patienceMs)
    void work.finally(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
