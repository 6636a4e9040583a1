// Rate: how many calls may begin within a time.
//
// What is promised is what a host's quota says: in no window of `perMs`, wherever it begins, do more than `calls` begin.
// A token bucket that refills while it is being emptied lets twice as many through (Tanenbaum, Computer Networks: burst
// plus rate times window), so here a token comes back `perMs` after it was taken, and not before: a sliding log of when
// the last calls began. `burst` below `calls` spreads them in addition, by the generic cell rate algorithm (GCRA, ITU-T
// I.371). The promise holds for the moments at which calls begin here; a host that counts arrivals sees the network's
// jitter on top, so leave it some room.

import { setTimeout as timer } from 'node:timers/promises'
import { checkMs, checkWhole } from '#collector/amounts.ts'
import { type Permits, permits, queueFull } from '#collector/flow/permits.ts'
import { BadInput } from '#model/errors.ts'

export type RateLimit = {
  /** A whole number from 1 to 100,000. */
  calls: number
  /** Milliseconds. */
  perMs: number
  /** How many may begin at once, from 1 to `calls`; 1 is evenly spaced. Default: `calls`. */
  burst?: number | undefined
}

/** Milliseconds of one monotonic clock. */
export type RateState = {
  /** When it was last asked. */
  at: number
  /** When the last calls began, oldest first; no more than `calls`. */
  begun: readonly number[]
  /** When all calls so far would have begun, evenly spaced. */
  spacedTo: number
}

export const NO_CALLS: RateState = { at: 0, begun: [], spacedTo: Number.NEGATIVE_INFINITY }

/**
 * Asks for one call at `now`. It may begin when `waitMs` is 0, and then it is in the state; otherwise ask again after
 * `waitMs`. Pure. On a clock that is set back no time passes at that moment, so nobody waits longer than `perMs`.
 */
export function take(state: RateState, now: number, limit: RateLimit): { state: RateState; waitMs: number } {
  const { calls, perMs, burst = calls } = limit
  const { begun, spacedTo } = now < state.at ? shifted(state, now - state.at) : state
  const everyMs = perMs / calls
  const windowAt = begun.length < calls ? now : (begun[begun.length - calls] as number) + perMs
  const burstAt = burst < calls ? spacedTo - (burst - 1) * everyMs : now
  const waitMs = Math.max(0, windowAt - now, burstAt - now)
  if (waitMs > 0) return { state: { at: now, begun, spacedTo }, waitMs }
  const oldest = begun.findIndex((at) => at + perMs > now)
  const kept = oldest < 0 ? [] : begun.slice(oldest)
  kept.push(now)
  return { state: { at: now, begun: kept, spacedTo: Math.max(spacedTo, now) + everyMs }, waitMs }
}

function shifted({ at, begun, spacedTo }: RateState, byMs: number): RateState {
  return { at: at + byMs, begun: begun.map((moment) => moment + byMs), spacedTo: spacedTo + byMs }
}

export type Rate = {
  /** How many wait. */
  readonly queued: number
  /** Begins a call if one may begin now, which none may while others wait. */
  tryTake(): boolean
  /**
   * Resolves when the call may begin, in the order of asking. Rejects with the signal's reason when it aborts, which
   * costs no call, and with QueueFull when `maxQueued` wait already.
   */
  waitFor(signal?: AbortSignal): Promise<void>
}

export type RateOptions = {
  /** Milliseconds of a monotonic clock. Default: performance.now. */
  now?: (() => number) | undefined
  /** Waits; rejects when the signal aborts. A wait that ends early is continued. Default: a timer. */
  sleep?: ((ms: number, signal: AbortSignal | undefined) => Promise<unknown>) | undefined
  maxQueued?: number | undefined
  what?: string | undefined
}

type Turns = {
  readonly limit: RateLimit
  readonly now: () => number
  readonly sleep: (ms: number, signal: AbortSignal | undefined) => Promise<unknown>
  /** Whose turn it is sleeps; the others wait for the turn, so one timer is enough. */
  readonly turns: Permits
  state: RateState
}

/** Throws BadInput for a limit that is out of range. */
export function rate(limit: RateLimit, options: RateOptions = {}): Rate {
  const { now = () => performance.now(), sleep = sleepFor, what = 'calls' } = options
  const { maxQueued = Number.POSITIVE_INFINITY } = options
  checkRate(limit)
  checkWhole(maxQueued, `maxQueued of ${what}`, { least: 0, unlimited: true })
  const turns = permits({ limit: 1, what })
  const all: Turns = { limit, now, sleep, turns, state: { ...NO_CALLS, at: now() } }
  const queued = () => turns.inFlight + turns.queued
  const tryTake = () => queued() === 0 && ask(all) === 0
  return {
    get queued() {
      return queued()
    },
    tryTake,
    async waitFor(signal) {
      signal?.throwIfAborted()
      if (tryTake()) return
      if (queued() >= maxQueued) throw queueFull(what, limit.calls, maxQueued)
      await waitForTurn(all, signal)
    },
  }
}

/** Takes a call if one may begin now; else how long to wait, in ms. */
function ask(all: Turns): number {
  const { state, waitMs } = take(all.state, all.now(), all.limit)
  all.state = state
  return waitMs
}

async function waitForTurn(all: Turns, signal: AbortSignal | undefined): Promise<void> {
  const done = await all.turns.acquire(signal)
  try {
    signal?.throwIfAborted()
    for (let waitMs = ask(all); waitMs > 0; waitMs = ask(all)) {
      await all.sleep(waitMs, signal)
      signal?.throwIfAborted()
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    done()
  }
}

/** Timers take no more than 24.8 days; who asks again after that waits on. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
const MOST_CALLS = 100_000

async function sleepFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await timer(Math.min(Math.ceil(ms), LONGEST_TIMER_MS), undefined, { signal })
}

function checkRate({ calls, perMs, burst }: RateLimit): void {
  checkWhole(calls, 'rate.calls')
  if (calls > MOST_CALLS) {
    throw new BadInput(`rate.calls is ${calls}; allowed are up to ${MOST_CALLS}: give fewer calls for a shorter time`)
  }
  checkMs(perMs, 'rate.perMs')
  if (burst === undefined) return
  checkWhole(burst, 'rate.burst')
  if (burst > calls) throw new BadInput(`rate.burst is ${burst}; it must not be above rate.calls, which is ${calls}`)
}
