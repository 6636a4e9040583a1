// Failed exports, told without spamming: the first at once, then at most once a minute with what came together.

import { diag } from '@opentelemetry/api'
import type { Failure } from '#collector/telemetry/queue.ts'
import type { Trouble } from '#collector/telemetry/settings.ts'
import type { Signal } from '#collector/telemetry/targets.ts'

const EVERY_MS = 60_000

const WORDS = { traces: 'spans', logs: 'log records', metrics: 'metrics' } as const

/** A listener to the failures of each kind of telemetry; they are told together. */
export function troubleReporter(
  onError: (trouble: Trouble) => void,
  now: () => number,
): (signal: Signal) => (failure: Failure) => void {
  let failedExports = 0
  const lost: Record<Signal, number> = { traces: 0, logs: 0, metrics: 0 }
  let toldAt = Number.NEGATIVE_INFINITY
  return (signal) => (failure) => {
    failedExports += 1
    lost[signal] += failure.lost
    if (now() - toldAt < EVERY_MS) return
    const message = `${WORDS[signal]} could not be delivered: ${failure.message}`
    const trouble: Trouble = { message, failedExports, lostSpans: lost.traces, lostLogs: lost.logs }
    toldAt = now()
    failedExports = 0
    lost.traces = 0
    lost.logs = 0
    tell(onError, trouble)
  }
}

/** A listener that throws is its own trouble, not the job's. */
function tell(onError: (trouble: Trouble) => void, trouble: Trouble): void {
  warn('telemetry is not delivered', trouble)
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
