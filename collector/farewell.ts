// The last moments of a job's process: what is still queued gets a bounded time to leave.

import { isMainThread } from 'node:worker_threads'

/** How long a flush may hold the process while ingest does not answer. */
export const FAREWELL_MS = 1_500

const SIGNALS = ['SIGINT', 'SIGTERM'] as const
/** Marks our listeners, so that two copies of this library in one process do not take each other for the job's. */
const OURS = Symbol.for('cyclewatch.farewell')

type Listener = (signal: NodeJS.Signals) => void

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
  const beforeExit = () => {
    // Node asks again after each flush; what could not leave in one bounded flush stays behind.
    if (saidAll || !hasPending()) return
    saidAll = true
    void flush(FAREWELL_MS).then(() => {
      saidAll = hasPending()
    })
  }
  const exit = () => {
    if (!saidAll && hasPending()) flushBlocking(FAREWELL_MS)
  }
  const onSignal: Listener = (signal) => {
    const die = () => {
      process.removeListener(signal, onSignal)
      process.kill(process.pid, signal)
    }
    if (!isAlone(signal)) void flush(FAREWELL_MS)
    // A second one means now.
    else if (saidAll) die()
    else {
      saidAll = true
      void flush(FAREWELL_MS).then(die)
    }
  }
  Object.assign(onSignal, { [OURS]: true })
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

/** Whether nobody but us, and packages that like us only pass the signal on (signal-exit), listens to it. */
function isAlone(signal: NodeJS.Signals): boolean {
  const others = process.listeners(signal).filter((listener) => !(OURS in listener))
  return others.length <= signalExitListeners()
}

/** signal-exit, which many command-line packages bring, also waits to be alone; it tells its copies here. */
function signalExitListeners(): number {
  const known = process as unknown as Record<string | symbol, { count?: number } | undefined>
  const copies = [known[Symbol.for('signal-exit emitter')], known.__signal_exit_emitter__]
  return copies.reduce((count, copy) => count + (copy?.count ?? 0), 0)
}
