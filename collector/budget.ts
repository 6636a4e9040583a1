// How long a cycle may take in all, and the signal that ends what it is doing when that is over.

import { setMaxListeners } from 'node:events'
import { formatDuration } from '#model/durations.ts'

/** Moments of `performance.now()`. `signal` aborts at `endsAt` with `overdue()`, and when the signal from outside does. */
export type Budget = {
  readonly signal: AbortSignal
  /** What is left, in milliseconds; infinite without a limit. */
  remainingMs(): number
  /** What a call throws that would begin after the end; the cycle's outcome is then `timeout`. */
  overdue(): Error
  /** The cycle is over: nothing is waited for any more. */
  end(): void
}

export function openBudget(ms: number | undefined, startedAt: number, outside: AbortSignal | undefined): Budget {
  const controller = new AbortController()
  // Each fetch listens, and a cycle may have a thousand in flight.
  setMaxListeners(0, controller.signal)
  const overdue = () => {
    const message = `the cycle's budget of ${formatDuration(ms ?? 0)} is used up`
    return Object.assign(new Error(message), { name: 'TimeoutError', code: 'ETIMEDOUT' })
  }
  const timer = ms === undefined ? undefined : setTimeout(() => controller.abort(overdue()), ms).unref()
  const follow = () => controller.abort(outside?.reason)
  if (outside?.aborted) follow()
  else outside?.addEventListener('abort', follow)
  return {
    signal: controller.signal,
    remainingMs: () => (ms === undefined ? Number.POSITIVE_INFINITY : startedAt + ms - performance.now()),
    overdue,
    end() {
      clearTimeout(timer)
      outside?.removeEventListener('abort', follow)
    },
  }
}

/** Aborts when either does. */
export function joined({ signal }: Budget, own: AbortSignal | undefined): AbortSignal {
  return own ? AbortSignal.any([signal, own]) : signal
}
