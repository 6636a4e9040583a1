// The rows of a batcher: which are held, which go together, and when. A bounded list, cut into batches that are
// delivered in order; those who add more than fits stand outside, in order too.

import type { Ongoing } from '#collector/ongoing.ts'
import { redact } from '#collector/redact.ts'
import type { BatcherSettings } from '#collector/writing/batcher-options.ts'
import { deliver, type Sent } from '#collector/writing/delivery.ts'
import { messageOf, Unavailable } from '#model/errors.ts'

/** Who waits until the row is written. */
export type Receipt = { resolve(): void; reject(error: unknown): void }

export type Added<Row> = { row: Row; cycle: Ongoing | undefined; receipt: Receipt | undefined }

export type Batches<Row> = {
  /** Undefined when the row is taken; else resolves when it is. */
  add(added: Added<Row>): Promise<void> | undefined
  flush(): Promise<void>
  /** Gives up all that is held, now. */
  abandon(error: Error): void
  /** Rows taken and not settled. */
  held(): number
}

/** `at`: when it was added, in the clock's milliseconds. */
type Entry<Row> = Added<Row> & { number: number; at: number }
type Outside<Row> = { entry: Entry<Row>; enter: () => void }
type Loss = { rows: number; error: unknown }
/** Waits for the rows up to this number, of which so many are not settled. */
type Flush = { upTo: number; left: number; loss: Loss | undefined; resolve(): void; reject(error: unknown): void }

type State<Row> = {
  readonly settings: BatcherSettings<Row>
  readonly onHolding: (holding: boolean) => void
  waiting: Entry<Row>[]
  underway: Set<Entry<Row>>
  outside: Outside<Row>[]
  deliveries: number
  /** Of the row added last. */
  number: number
  /** Rows up to this number go without waiting for company. */
  urgentUpTo: number
  flushes: Flush[]
  /** Given up, and nobody was told yet. */
  loss: Loss | undefined
  hasTimer: boolean
}

/** `onHolding` hears when the first row comes and when the last is settled. */
export function createBatches<Row>(
  settings: BatcherSettings<Row>,
  onHolding: (holding: boolean) => void,
): Batches<Row> {
  const state: State<Row> = {
    settings,
    onHolding,
    waiting: [],
    underway: new Set(),
    outside: [],
    deliveries: 0,
    number: 0,
    urgentUpTo: 0,
    flushes: [],
    loss: undefined,
    hasTimer: false,
  }
  return {
    add: (added) => add(state, added),
    flush: () => flush(state),
    abandon: (error) => abandon(state, error),
    held: () => held(state),
  }
}

function held<Row>({ waiting, underway }: State<Row>): number {
  return waiting.length + underway.size
}

function add<Row>(state: State<Row>, { row, cycle, receipt }: Added<Row>): Promise<void> | undefined {
  const { settings, outside } = state
  state.number += 1
  const entry = { row, cycle, receipt, number: state.number, at: settings.clock.now() }
  if (held(state) >= settings.maxWaiting) {
    return new Promise((enter) => {
      outside.push({ entry, enter })
    })
  }
  state.waiting.push(entry)
  if (held(state) === 1) state.onHolding(true)
  pump(state)
  return undefined
}

/** Begins as many deliveries as are due and allowed, and sees to it that the next is not forgotten. */
function pump<Row>(state: State<Row>): void {
  const { settings } = state
  while (state.deliveries < settings.concurrency && isDue(state)) {
    const entries = state.waiting.splice(0, settings.size)
    for (const entry of entries) state.underway.add(entry)
    state.deliveries += 1
    void deliverAll(state, entries, settings.newId()).then(() => {
      state.deliveries -= 1
      pump(state)
    })
  }
  const [first] = state.waiting
  if (!first || state.hasTimer || state.deliveries >= settings.concurrency) return
  state.hasTimer = true
  const wake = () => {
    state.hasTimer = false
    pump(state)
  }
  // It need not keep the process alive: what is held is flushed before the end.
  settings.clock.after(Math.max(0, first.at + settings.everyMs - settings.clock.now()), wake, false)
}

function isDue<Row>({ waiting, settings, urgentUpTo }: State<Row>): boolean {
  const [first] = waiting
  if (!first) return false
  if (waiting.length >= settings.size || first.number <= urgentUpTo) return true
  return settings.clock.now() - first.at >= settings.everyMs
}

/** A refused batch goes in halves, under ids of their own: the store has nothing of it. */
async function deliverAll<Row>(state: State<Row>, entries: Entry<Row>[], id: string): Promise<void> {
  const cycles = new Map<Ongoing, number>()
  for (const { cycle } of entries) if (cycle) cycles.set(cycle, (cycles.get(cycle) ?? 0) + 1)
  const sent = await deliver(state.settings, { id, rows: entries.map(({ row }) => row), cycles })
  if (sent.state !== 'refused' || entries.length === 1) {
    settle(state, entries, sent)
    return
  }
  const middle = Math.ceil(entries.length / 2)
  await deliverAll(state, entries.slice(0, middle), `${id}-1`)
  await deliverAll(state, entries.slice(middle), `${id}-2`)
}

function settle<Row>(state: State<Row>, entries: Entry<Row>[], sent: Sent): void {
  // What was abandoned meanwhile is settled.
  const settled = entries.filter((entry) => state.underway.delete(entry))
  if (settled.length === 0) return
  if (sent.state !== 'written') giveUp(state, settled, sent.error)
  else for (const { receipt } of settled) receipt?.resolve()
  const done = state.flushes.filter((flush) => {
    flush.left -= settled.filter(({ number }) => number <= flush.upTo).length
    return flush.left === 0
  })
  state.flushes = state.flushes.filter((flush) => flush.left > 0)
  for (const flush of done) finish(flush)
  admit(state)
  if (held(state) === 0) state.onHolding(false)
  pump(state)
}

function giveUp<Row>(state: State<Row>, entries: Entry<Row>[], error: unknown): void {
  for (const { receipt } of entries) receipt?.reject(error)
  let cause = error
  let isTold = state.settings.onGiveUp !== undefined
  try {
    state.settings.onGiveUp?.(
      entries.map(({ row }) => row),
      error,
    )
  } catch (thrown) {
    isTold = false
    cause = thrown
  }
  const waited = state.flushes.filter(({ upTo }) => entries.some(({ number }) => number <= upTo))
  for (const flush of waited) flush.loss = joined(flush.loss, { rows: entries.length, error: cause })
  const silent = entries.filter(({ receipt }) => receipt === undefined).length
  if (waited.length === 0 && !isTold && silent > 0) state.loss = joined(state.loss, { rows: silent, error: cause })
}

function joined(before: Loss | undefined, { rows, error }: Loss): Loss {
  return { rows: (before?.rows ?? 0) + rows, error: before?.error ?? error }
}

function admit<Row>(state: State<Row>): void {
  const room = state.settings.maxWaiting - held(state)
  for (const { entry, enter } of state.outside.splice(0, room)) {
    state.waiting.push(entry)
    enter()
  }
}

function flush<Row>(state: State<Row>): Promise<void> {
  const { loss, number } = state
  state.loss = undefined
  state.urgentUpTo = number
  const left = held(state) + state.outside.length
  return new Promise((resolve, reject) => {
    const flushing: Flush = { upTo: number, left, loss, resolve, reject }
    if (left === 0) finish(flushing)
    else {
      state.flushes.push(flushing)
      pump(state)
    }
  })
}

function finish({ loss, resolve, reject }: Flush): void {
  if (!loss) {
    resolve()
    return
  }
  const { rows, error } = loss
  const message = `${rows} ${rows === 1 ? 'row was' : 'rows were'} given up: ${redact(messageOf(error))}`
  reject(new Unavailable(message, { cause: error }))
}

function abandon<Row>(state: State<Row>, error: Error): void {
  const entries = [...state.underway, ...state.waiting, ...state.outside.map(({ entry }) => entry)]
  const entering = state.outside.splice(0)
  state.waiting = []
  for (const entry of entries) state.underway.add(entry)
  if (entries.length > 0) settle(state, entries, { state: 'given_up', error })
  for (const { enter } of entering) enter()
}
