// Stops schedules at signals of the process, and lets the process then die of them as it would have.

import type { StopSignal } from '#collector/schedule/options.ts'
import { isForNobody } from '#collector/signals.ts'

type Hear = (signal: StopSignal) => void

/** One listener for all schedules, because Node warns of more than ten. */
const hearers = new Map<StopSignal, Set<Hear>>()

function onSignal(signal: NodeJS.Signals): void {
  for (const hear of [...(hearers.get(signal as StopSignal) ?? [])]) hear(signal as StopSignal)
}

/**
 * Calls `stop` at the first of the signals, and `hurry` at any further one: a second one means now. Returns what to call
 * when the schedule has ended: the last one that a signal stopped raises it anew.
 */
export function stopAt(signals: readonly StopSignal[], stop: () => void, hurry: () => void): () => void {
  let received: StopSignal | null = null
  const hear: Hear = (signal) => {
    if (received) return hurry()
    received = signal
    stop()
  }
  for (const signal of signals) listen(signal, hear)
  return () => {
    for (const signal of signals) unlisten(signal, hear)
    // A job that listens as well decides itself when it ends.
    if (received && isForNobody(received)) process.kill(process.pid, received)
  }
}

function listen(signal: StopSignal, hear: Hear): void {
  const known = hearers.get(signal)
  if (known) known.add(hear)
  else {
    hearers.set(signal, new Set([hear]))
    process.on(signal, onSignal)
  }
}

function unlisten(signal: StopSignal, hear: Hear): void {
  const known = hearers.get(signal)
  if (!known?.delete(hear) || known.size > 0) return
  hearers.delete(signal)
  process.removeListener(signal, onSignal)
}
