// A deadline for one piece of work, whether that listens to its signal or not.

import { formatDuration } from '#model/durations.ts'

/** What `setTimeout` can wait; it takes more for no wait at all. */
const LONGEST_MS = 2 ** 31 - 1

/**
 * Runs `fn` with a signal that aborts after `timeoutMs` or with `outer`; rejects with the signal's reason then, a
 * TimeoutError for the deadline, without waiting for `fn` to notice. `what` begins the sentence of that error.
 */
export async function withDeadline<T>(
  what: string,
  timeoutMs: number,
  outer: AbortSignal,
  fn: (signal: AbortSignal) => T | PromiseLike<T>,
): Promise<T> {
  outer.throwIfAborted()
  const controller = new AbortController()
  const stopped = Promise.withResolvers<never>()
  const stop = (reason: unknown) => {
    controller.abort(reason)
    stopped.reject(reason)
  }
  const late = () => {
    const message = `${what} did not end within ${formatDuration(timeoutMs)}`
    stop(Object.assign(new Error(message), { name: 'TimeoutError', code: 'ETIMEDOUT' }))
  }
  const timer = timeoutMs <= LONGEST_MS ? setTimeout(late, timeoutMs) : undefined
  const withOuter = () => stop(outer.reason)
  outer.addEventListener('abort', withOuter)
  try {
    return await Promise.race([fn(controller.signal), stopped.promise])
  } finally {
    clearTimeout(timer)
    outer.removeEventListener('abort', withOuter)
  }
}
