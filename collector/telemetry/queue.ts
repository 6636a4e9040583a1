// What waits to be sent, spans that have ended or log records: a bounded queue, one batch on the way at a time, retried
// while that makes sense. Nothing here throws, rejects, or keeps the process alive.

import { cleanRecord, cleanSpan } from '#collector/telemetry/clean.ts'
import type { Outlet, Sent } from '#collector/telemetry/outlet.ts'
import type { ExportedRecord, ExportedSpan } from '#collector/telemetry/wirings.ts'

export type QueueLimits = {
  /** More than this is not kept. */
  maxItems: number
  /** The most in one export: encoding 512 spans holds the job's thread for about 4 ms. */
  batchSize: number
  /** How long one waits for company. */
  delayMs: number
  /** The first pause after a failure; each further one is twice as long, up to `longestPauseMs`. */
  pauseMs: number
  longestPauseMs: number
}

/** What a queue holds. */
export type Kind<Item> = {
  limits: QueueLimits
  /** Changes the item in place, before it is kept. */
  clean(item: Item): void
  /** Given up only after all others. */
  isPrecious(item: Item): boolean
}

const PATIENCE = { batchSize: 512, pauseMs: 1_000, longestPauseMs: 30_000 }

/**
 * At 2 to 3 kB each, 16,384 are some 40 MB, and hold a cycle of 10,000. A cycle without some of its steps still counts with
 * its duration and totals, a cycle without its root never ends.
 */
export const SPAN_KIND: Kind<ExportedSpan> = {
  limits: { ...PATIENCE, maxItems: 16_384, delayMs: 1_000 },
  clean: cleanSpan,
  isPrecious: (span) => span.parentSpanContext === undefined,
}

/**
 * At about 1 kB each, 8,192 are some 8 MB. Records leave sooner than spans: of a cycle that is killed, the one that says it
 * has begun is all that is ever known.
 */
export const RECORD_KIND: Kind<ExportedRecord> = {
  limits: { ...PATIENCE, maxItems: 8_192, delayMs: 250 },
  clean: cleanRecord,
  isPrecious: (record) => record.eventName === 'cycle.started',
}

/** `lost`: how many were given up. */
export type Failure = { message: string; lost: number }

export type Queue<Item> = {
  add(item: Item): void
  /** Sends in the background what has gathered. */
  flushSoon(): void
  /** Resolves when the queue is empty, when sending fails, or when no batch got through for `patienceMs`. */
  flush(patienceMs: number): Promise<void>
  /** Queued and on the way. */
  pending(): Item[]
  /** The same, parted into what was sent already and must go again as it was, and the rest. */
  batches(): Item[][]
  /** Whether the last export failed. */
  isStuck(): boolean
  /** Ends all sending for good. */
  close(): void
}

type State<Item> = {
  readonly kind: Kind<Item>
  readonly outlet: Outlet<Item[]>
  readonly onFailure: (failure: Failure) => void
  waiting: Item[]
  /**
   * The batch on the way, or the one that failed. It may have arrived all the same, its answer lost, and the receiver
   * knows a repetition by its body: so it is sent again just as it was, before anything else.
   */
  batch: Item[]
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

export function createQueue<Item>(
  kind: Kind<Item>,
  outlet: Outlet<Item[]>,
  onFailure: (failure: Failure) => void,
): Queue<Item> {
  const state: State<Item> = {
    kind,
    outlet,
    onFailure,
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
    add: (item) => add(state, item),
    flushSoon: () => flushSoon(state),
    flush: (patienceMs) => drainPatiently(state, patienceMs),
    pending: () => state.batch.concat(state.waiting),
    batches: () => [state.batch, state.waiting].filter((items) => items.length > 0),
    isStuck: () => state.failures > 0,
    close() {
      state.closed = true
      clearTimeout(state.timer)
      state.batch = []
      state.waiting = []
    },
  }
}

function add<Item>(state: State<Item>, item: Item): void {
  if (state.closed) return
  const { kind } = state
  const { maxItems, batchSize, delayMs } = kind.limits
  kind.clean(item)
  state.waiting.push(item)
  if (state.batch.length + state.waiting.length > maxItems) {
    const kept = thinned(state.waiting, Math.floor(maxItems / 8), kind.isPrecious)
    state.onFailure({ message: 'the queue is full', lost: state.waiting.length - kept.length })
    state.waiting = kept
  }
  if (state.waiting.length >= batchSize) flushSoon(state)
  else wakeIn(state, delayMs)
}

/** After the code that now runs, so that a cycle's result is not held up by encoding its spans. */
function flushSoon<Item>(state: State<Item>): void {
  if (state.soon || state.closed || isEmpty(state)) return
  state.soon = true
  setImmediate(() => {
    state.soon = false
    void pump(state)
  }).unref()
}

function wakeIn<Item>(state: State<Item>, ms: number): void {
  if (state.timer || state.closed) return
  state.timer = setTimeout(() => {
    state.timer = undefined
    void pump(state)
  }, ms).unref()
}

/** Sends batch after batch until nothing waits or sending fails; not while a failure is fresh. */
async function pump<Item>(state: State<Item>): Promise<void> {
  if (state.underway) return
  const pause = state.pausedUntil - performance.now()
  if (pause > 0) wakeIn(state, pause)
  else await drain(state)
}

async function drain<Item>(state: State<Item>): Promise<void> {
  while (state.underway || !(state.closed || isEmpty(state))) {
    if ((await sendBatch(state)).state === 'unreachable') return
  }
}

function isEmpty<Item>(state: State<Item>): boolean {
  return state.batch.length + state.waiting.length === 0
}

/** The batch that is on the way already, or else the one that failed, or else the next. */
function sendBatch<Item>(state: State<Item>): Promise<Sent> {
  if (state.underway) return state.underway
  if (state.batch.length === 0) state.batch = state.waiting.splice(0, state.kind.limits.batchSize)
  const { batch } = state
  state.underway = state.outlet.send(batch).then((sent) => {
    state.underway = undefined
    if (sent.state !== 'unreachable') state.batch = []
    settle(state, sent, batch)
    return sent
  })
  return state.underway
}

function settle<Item>(state: State<Item>, sent: Sent, batch: Item[]): void {
  if (sent.state === 'unreachable') {
    const { pauseMs, longestPauseMs } = state.kind.limits
    const pause = Math.min(sent.retryAfterMs ?? pauseMs * 2 ** state.failures, longestPauseMs)
    state.failures += 1
    state.pausedUntil = performance.now() + pause
    wakeIn(state, pause)
  } else state.failures = 0
  if (sent.state === 'stored') state.stored += 1
  else state.onFailure({ message: sent.message, lost: sent.state === 'refused' ? batch.length : 0 })
}

/** The items without the `count` oldest, sparing precious ones as long as there are others. */
export function thinned<Item>(items: Item[], count: number, isPrecious: (item: Item) => boolean): Item[] {
  const doomed = new Set(items.filter((item) => !isPrecious(item)).slice(0, count))
  const kept = items.filter((item) => !doomed.has(item))
  return kept.slice(Math.max(0, count - doomed.size))
}

/** More than this is no longer the end of a process but a hang. */
const MOST_PATIENCES = 10

/** The timer does keep the process alive: someone waits for this. */
function drainPatiently<Item>(state: State<Item>, patienceMs: number): Promise<void> {
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
