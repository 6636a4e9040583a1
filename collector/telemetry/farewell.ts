// The last moments of a job's process: what is still queued gets a bounded time to leave.

import { isMainThread } from 'node:worker_threads'
import { isForNobody, markOurs } from '#collector/signals.ts'

/** How long a flush may hold the process while ingest does not answer. */
export const FAREWELL_MS = 1_500

/** Of flushes at the end of a process that left something behind. */
const MOST_ROUNDS = 3

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

export type Leaving = {
  hasPending(): boolean
  flush(patienceMs: number): Promise<void>
  /** The same while no more events run. */
  flushBlocking(withinMs: number): void
}

/**
 * Flushes at `beforeExit`, on SIGINT and SIGTERM, and, when the job calls `process.exit()` or dies of an error, at `exit`.
 * When the job has no handler for the signal of its own, the process then dies of it as it would have.
 * Returns what undoes this.
 */
export function sayFarewell({ hasPending, flush, flushBlocking }: Leaving): () => void {
  let saidAll = false
  let rounds = 0
  const beforeExit = () => {
    // Node asks again after each flush. What came meanwhile gets another one; what could not leave stays behind.
    if (saidAll || !hasPending()) return
    saidAll = true
    const began = performance.now()
    void flush(FAREWELL_MS).then(() => {
      rounds += 1
      saidAll = hasPending() && (rounds >= MOST_ROUNDS || performance.now() - began >= FAREWELL_MS)
    })
  }
  const exit = () => {
    if (!saidAll && hasPending()) flushBlocking(FAREWELL_MS)
  }
  const onSignal = markOurs((signal) => {
    const die = () => {
      process.removeListener(signal, onSignal)
      process.kill(process.pid, signal)
    }
    if (!isForNobody(signal)) void flush(FAREWELL_MS)
    // A second one means now.
    else if (saidAll) die()
    else {
      saidAll = true
      void flush(FAREWELL_MS).then(die)
    }
  })
  process.on('beforeExit', beforeExit)
  process.on('exit', exit)
  // First in line: a `once` listener of the job that ran before ours would be gone when we look for it.
  if (isMainThread) for (const signal of SIGNALS) process.prependListener(signal, onSignal)
  return () => {
    process.removeListener('beforeExit', beforeExit)
    process.removeListener('exit', exit)
    for (const signal of SIGNALS) process.removeListener(signal, onSignal)
  }
}
