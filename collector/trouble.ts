// Failed exports, told without spamming: the first at once, then at most once a minute with what came together.

import { diag } from '@opentelemetry/api'
import type { Failure } from './queue.ts'
import type { Trouble } from './settings.ts'

const EVERY_MS = 60_000

export function troubleReporter(onError: (trouble: Trouble) => void, now: () => number): (failure: Failure) => void {
  let failedExports = 0
  let lostSpans = 0
  let toldAt = Number.NEGATIVE_INFINITY
  return (failure) => {
    failedExports += 1
    lostSpans += failure.lostSpans
    if (now() - toldAt < EVERY_MS) return
    const trouble: Trouble = { message: failure.message, failedExports, lostSpans }
    toldAt = now()
    failedExports = 0
    lostSpans = 0
    tell(onError, trouble)
  }
}

/** A listener that throws is its own trouble, not the job's. */
function tell(onError: (trouble: Trouble) => void, trouble: Trouble): void {
  warn('spans could not be delivered', trouble)
  try {
    onError(trouble)
  } catch {
    // Nobody is left to tell.
  }
}

/** To OpenTelemetry's own log, which is off unless the job or OTEL_LOG_LEVEL set one. Never throws. */
export function warn(message: string, ...details: unknown[]): void {
  try {
    diag.warn(`cyclewatch: ${message}`, ...details)
  } catch {
    // The job's logger threw.
  }
}
