// Renewing in the background what was served stale: one at a time for each key, nobody waits, and a failure is told in
// OpenTelemetry's log and to the next look-up.

import { errorType } from '#collector/faults.ts'
import { redact } from '#collector/redact.ts'
import { warn } from '#collector/telemetry/trouble.ts'
import { messageOf } from '#model/errors.ts'

export type Renewals = {
  running: Set<string>
  /** The `error.type` of each key whose last renewal failed. */
  failed: Map<string, string>
}

const MOST_FAILED = 1_000

export function noRenewals(): Renewals {
  return { running: new Set(), failed: new Map() }
}

/**
 * Starts `load`, unless one for this key is under way. Keeps the process alive no longer than what `load` itself waits
 * for does.
 */
export function renewSoon({ running, failed }: Renewals, key: string, load: () => Promise<unknown>): void {
  if (running.has(key)) return
  running.add(key)
  void Promise.resolve()
    .then(load)
    .then(
      () => failed.delete(key),
      (error) => {
        if (failed.size >= MOST_FAILED) failed.clear()
        failed.set(key, errorType(error))
        warn(`a cache could not renew in the background: ${redact(messageOf(error))}`)
      },
    )
    .finally(() => running.delete(key))
}
