// The end of a process that still holds rows. Listens only while there are some, so that a process without any dies of a
// signal as it always would.

import { isMainThread } from 'node:worker_threads'
import { isForNobody, markOurs, ours } from '#collector/signals.ts'
import { Unavailable } from '#model/errors.ts'

export type Leaver = {
  /** Rejects only with what should end the process with an error. */
  flush(): Promise<void>
  abandon(error: Error): void
}

/** How long a signal may be held up. Container platforms kill after 10 s (Docker) or 30 s (Kubernetes). */
const SIGNAL_MS = 5_000
const SIGNALS = ['SIGINT', 'SIGTERM'] as const

const staying = new Set<Leaver>()

/** From now on the process does not end by itself before this is flushed. */
export function stayFor(leaver: Leaver): void {
  const isFirst = staying.size === 0
  staying.add(leaver)
  if (!isFirst) return
  // Before telemetry's, so that it finds the spans of what is written now.
  process.prependListener('beforeExit', beforeExit)
  process.prependListener('exit', exit)
  if (isMainThread) for (const signal of SIGNALS) process.prependListener(signal, onSignal)
}

export function stayNoLongerFor(leaver: Leaver): void {
  if (staying.delete(leaver) && staying.size === 0) stopListening()
}

function stopListening(): void {
  process.removeListener('beforeExit', beforeExit)
  process.removeListener('exit', exit)
  for (const signal of SIGNALS) process.removeListener(signal, onSignal)
}

/** What is written now keeps the process alive; Node asks again after it. A rejection is nobody's to handle. */
function beforeExit(): void {
  for (const leaver of [...staying]) void leaver.flush()
}

function exit(): void {
  abandonAll('the process exits')
}

function abandonAll(why: string): void {
  const error = new Unavailable(`${why} before the rows were written`)
  for (const leaver of [...staying]) leaver.abandon(error)
}

type Dying = { by: 'nothing' } | { by: 'signal'; repeats: number }
let dying: Dying = { by: 'nothing' }

function onSignal(signal: NodeJS.Signals): void {
  if (dying.by === 'signal') {
    // Telemetry, done with its own farewell, sends the signal once more; another one means now.
    if (dying.repeats === 0) die(signal)
    else dying.repeats -= 1
    return
  }
  const flushed = Promise.allSettled([...staying].map((leaver) => leaver.flush()))
  // The job's own listener decides what the signal means; flushing early does no harm.
  if (!isForNobody(signal)) return
  dying = { by: 'signal', repeats: ours(signal) - 1 }
  const patience = setTimeout(die, SIGNAL_MS, signal)
  void flushed.then(() => {
    clearTimeout(patience)
    die(signal)
  })
}
markOurs(onSignal)

function die(signal: NodeJS.Signals): void {
  abandonAll(`${signal} ends the process`)
  stopListening()
  dying = { by: 'nothing' }
  // Telemetry, where it still says its farewell, ends the process itself.
  if (ours(signal) === 0) process.kill(process.pid, signal)
}
