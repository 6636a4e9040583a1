// A program that waits for ever proves nothing.

import { setTimeout as delay } from 'node:timers/promises'

const PATIENCE_MS = 180_000

/** What `work` resolves to. Throws when that takes longer than three minutes; `what` is asked only then. */
export async function within<Result>(what: () => string, work: Promise<Result>): Promise<Result> {
  const stop = new AbortController()
  const late = delay(PATIENCE_MS, null, { signal: stop.signal }).then(() => {
    throw new Error(`waited ${PATIENCE_MS / 1_000} s in vain for ${what()}`)
  })
  late.catch(() => {})
  try {
    return await Promise.race([work, late])
  } finally {
    stop.abort()
  }
}
