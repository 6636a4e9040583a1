// Spans that have ended and wait to be sent: a bounded queue, one batch on the way at a time, retried while that makes
// sense. Nothing here throws, rejects, or keeps the process alive.

import { clean } from './clean.ts'
import type { ExportedSpan, Outlet, Sent } from './outlet.ts'

export type QueueLimits = {
  /** More spans than this are not kept; at 2 to 3 kB each, 16,384 are some 40 MB, and hold a cycle of 10,000. */
  maxSpans: number
  /** The most in one export: encoding 512 spans holds the job's thread for about 4 ms. */
  batchSize: number
  /** How long a span waits for company. */
  delayMs: number
  /** The first pause after a failure; each further one is twice as long, up to `longestPauseMs`. */
  pauseMs: number
  longestPauseMs: number
}

export const LIMITS: QueueLimits = {
  maxSpans: 16_384,
  batchSize: 512,
  delayMs: 1_000,
  pauseMs: 1_000,
  longestPauseMs: 30_000,
}

export type Failure = { message: string; lostSpans: number }

export type Queue = {
  add(span: ExportedSpan): void
  /** Sends in the background what has gathered. */
  flushSoon(): void
  /** Resolves when the queue is empty, when sending fails, or when no batch got through for `patienceMs`. */
  flush(patienceMs: number): Promise<void>
  /** Queued and on the way. */
  pending(): ExportedSpan[]
  /** The same, parted into what was sent already and must go again as it was, and the rest. */
  batches(): ExportedSpan[][]
  /** Whether the last export failed. */
  isStuck(): boolean
  /** Ends all sending for good. */
  close(): void
}

type State = {
  readonly outlet: Outlet
  readonly onFailure: (failure: Failure) => void
  readonly limits: QueueLimits
  waiting: ExportedSpan[]
  /**
   * The batch on the way, or the one that failed. It may have arrived all the same, its answer lost, and the receiver
   * knows a repetition by its body: so it is sent again just as it was, before anything else.
   */
  batch: ExportedSpan[]
  underway: Promise<Sent> | undefined
  /** Exports that failed since the last that did not. */
  failures: number
  /** Exports that came through. */
  stored: number
  pausedUntil: number
  timer: NodeJS.Timeout | undefined
  /** Whether a flush is about to begin. */
  soon: boolean
  closed: boolean
}

export function createQueue(outlet: Outlet, onFailure: (failure: Failure) => void, limits = LIMITS): Queue {
  const state: State = {
    outlet,
    onFailure,
    limits,
    waiting: [],
    batch: [],
    underway: undefined,
    failures: 0,
    stored: 0,
    pausedUntil: 0,
    timer: undefined,
    soon: false,
    closed: false,
  }
  return {
    add: (span) => add(state, span),
    flushSoon: () => flushSoon(state),
    flush: (patienceMs) => drainPatiently(state, patienceMs),
    pending: () => state.batch.concat(state.waiting),
    batches: () => [state.batch, state.waiting].filter((spans) => spans.length > 0),
    isStuck: () => state.failures > 0,
    close() {
      state.closed = true
      clearTimeout(state.timer)
      state.batch = []
      state.waiting = []
    },
  }
}

function add(state: State, span: ExportedSpan): void {
  if (state.closed) return
  const { maxSpans, batchSize, delayMs } = state.limits
  clean(span)
  state.waiting.push(span)
  if (state.batch.length + state.waiting.length > maxSpans) {
    const kept = thinned(state.waiting, Math.floor(maxSpans / 8))
    state.onFailure({ message: 'the queue is full', lostSpans: state.waiting.length - kept.length })
    state.waiting = kept
  }
  if (state.waiting.length >= batchSize) flushSoon(state)
  else wakeIn(state, delayMs)
}

/** After the code that now runs, so that a cycle's result is not held up by encoding its spans. */
function flushSoon(state: State): void {
  if (state.soon || state.closed || isEmpty(state)) return
  state.soon = true
  setImmediate(() => {
    state.soon = false
    void pump(state)
  }).unref()
}

function wakeIn(state: State, ms: number): void {
  if (state.timer || state.closed) return
  state.timer = setTimeout(() => {
    state.timer = undefined
    void pump(state)
  }, ms).unref()
}

/** Sends batch after batch until nothing waits or sending fails; not while a failure is fresh. */
async function pump(state: State): Promise<void> {
  if (state.underway) return
  const pause = state.pausedUntil - performance.now()
  if (pause > 0) wakeIn(state, pause)
  else await drain(state)
}

async function drain(state: State): Promise<void> {
  while (state.underway || !(state.closed || isEmpty(state))) {
    if ((await sendBatch(state)).state === 'unreachable') return
  }
}

function isEmpty(state: State): boolean {
  return state.batch.length + state.waiting.length === 0
}

/** The batch that is on the way already, or else the one that failed, or else the next. */
function sendBatch(state: State): Promise<Sent> {
  if (state.underway) return state.underway
  if (state.batch.length === 0) state.batch = state.waiting.splice(0, state.limits.batchSize)
  const { batch } = state
  state.underway = state.outlet.send(batch).then((sent) => {
    state.underway = undefined
    if (sent.state !== 'unreachable') state.batch = []
    settle(state, sent, batch)
    return sent
  })
  return state.underway
}

function settle(state: State, sent: Sent, batch: ExportedSpan[]): void {
  if (sent.state === 'unreachable') {
    const { pauseMs, longestPauseMs } = state.limits
    const pause = Math.min(sent.retryAfterMs ?? pauseMs * 2 ** state.failures, longestPauseMs)
    state.failures += 1
    state.pausedUntil = performance.now() + pause
    wakeIn(state, pause)
  } else state.failures = 0
  if (sent.state === 'stored') state.stored += 1
  else state.onFailure({ message: sent.message, lostSpans: sent.state === 'refused' ? batch.length : 0 })
}

/**
 * The spans without the `count` oldest, sparing roots as long as there are others: a cycle without some of its steps
 * still counts with its duration and totals, a cycle without its root never ends.
 */
export function thinned(spans: ExportedSpan[], count: number): ExportedSpan[] {
  const steps = spans.filter((span) => span.parentSpanContext !== undefined)
  const doomed = new Set(steps.slice(0, count))
  const kept = spans.filter((span) => !doomed.has(span))
  return kept.slice(Math.max(0, count - doomed.size))
}

/** More than this is no longer the end of a process but a hang. */
const MOST_PATIENCES = 10

/** The timer does keep the process alive: someone waits for this. */
function drainPatiently(state: State, patienceMs: number): Promise<void> {
  return new Promise((resolve) => {
    let seen = state.stored
    let left = MOST_PATIENCES
    const end = () => {
      clearInterval(timer)
      resolve()
    }
    const timer = setInterval(() => {
      left -= 1
      if (state.stored === seen || left === 0) end()
      seen = state.stored
    }, patienceMs)
    void drain(state).finally(end)
  })
}
