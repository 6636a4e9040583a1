// Who listens to a signal of the process: listeners of ours step back behind the job's, and then let the process die of
// the signal as it would have.

/** Marks our listeners, so that two copies of this library in one process do not take each other for the job's. */
const OURS = Symbol.for('cyclewatch.farewell')

export function markOurs<Listener extends (signal: NodeJS.Signals) => void>(listener: Listener): Listener {
  return Object.assign(listener, { [OURS]: true })
}

/** How many listeners of ours a signal has. */
export function ours(signal: NodeJS.Signals): number {
  return process.listeners(signal).filter((listener) => OURS in listener).length
}

/** Whether nobody but us, and packages that like us only pass the signal on (signal-exit), listens to it. */
export function isForNobody(signal: NodeJS.Signals): boolean {
  return process.listenerCount(signal) - ours(signal) <= signalExitListeners()
}

/** signal-exit, which many command-line packages bring, also waits to be alone; it tells its copies here. */
function signalExitListeners(): number {
  const known = process as unknown as Record<string | symbol, { count?: number } | undefined>
  const copies = [known[Symbol.for('signal-exit emitter')], known.__signal_exit_emitter__]
  return copies.reduce((count, copy) => count + (copy?.count ?? 0), 0)
}
