// Permits: how much may be in use at once. First come, first served; the limit may change while permits are out.

import { checkWhole } from '#collector/amounts.ts'
import { Unavailable } from '#model/errors.ts'

export type PermitsOptions = {
  /** How many permits may be out at once: a whole number from 1, or Infinity. */
  limit: number
  /** How many may wait for one: a whole number from 0. Default: any number. */
  maxQueued?: number | undefined
  /** What the permits are for, as an error tells it: `requests to api.example.org`. */
  what?: string | undefined
}

/** Gives a permit back. Further calls do nothing. */
export type Release = () => void

export type Permits = {
  readonly limit: number
  /** Permits that are out. More than `limit` only after it was lowered, until enough of them came back. */
  readonly inFlight: number
  readonly queued: number
  /** A permit if one is free now, which it never is while others wait. */
  tryAcquire(): Release | undefined
  /**
   * Resolves with a permit when it is this caller's turn; who aborts after that still has to give it back. Rejects with
   * the signal's reason when it aborts first, and with QueueFull when `maxQueued` wait already.
   */
  acquire(signal?: AbortSignal): Promise<Release>
  /** Raising it serves those who wait; lowering it takes no permit away. Throws BadInput. */
  setLimit(limit: number): void
}

/** Too many wait already: nothing was waited for. `isQueueFull` tells it from other errors. */
export type QueueFull = Unavailable & { what: string; limit: number; maxQueued: number }

export function isQueueFull(error: unknown): error is QueueFull {
  return error instanceof Unavailable && error.code === 'too_many' && 'maxQueued' in error
}

type Waiter = { serve: (release: Release) => void }

type State = {
  limit: number
  inFlight: number
  /** In the order of arrival, and quick to leave from the middle. */
  readonly waiting: Set<Waiter>
}

/** Throws BadInput for options that are out of range. */
export function permits({ limit, maxQueued = Number.POSITIVE_INFINITY, what = 'permits' }: PermitsOptions): Permits {
  checkLimit(limit, what)
  checkWhole(maxQueued, `maxQueued of ${what}`, { least: 0, unlimited: true })
  const state: State = { limit, inFlight: 0, waiting: new Set() }
  return {
    get limit() {
      return state.limit
    },
    get inFlight() {
      return state.inFlight
    },
    get queued() {
      return state.waiting.size
    },
    tryAcquire: () => tryAcquire(state),
    async acquire(signal) {
      signal?.throwIfAborted()
      const free = tryAcquire(state)
      if (free) return free
      if (state.waiting.size >= maxQueued) throw queueFull(what, state.limit, maxQueued)
      return wait(state, signal)
    },
    setLimit(next) {
      checkLimit(next, what)
      state.limit = next
      serveWaiting(state)
    },
  }
}

/** Whoever waits does so because nothing is free. */
function tryAcquire(state: State): Release | undefined {
  return state.inFlight < state.limit ? grant(state) : undefined
}

function grant(state: State): Release {
  state.inFlight += 1
  let isOut = true
  return () => {
    if (!isOut) return
    isOut = false
    state.inFlight -= 1
    serveWaiting(state)
  }
}

function serveWaiting(state: State): void {
  for (const waiter of state.waiting) {
    if (state.inFlight >= state.limit) return
    state.waiting.delete(waiter)
    waiter.serve(grant(state))
  }
}

function wait({ waiting }: State, signal: AbortSignal | undefined): Promise<Release> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      waiting.delete(waiter)
      reject(signal?.reason)
    }
    const waiter: Waiter = {
      serve(release) {
        signal?.removeEventListener('abort', leave)
        resolve(release)
      },
    }
    waiting.add(waiter)
    signal?.addEventListener('abort', leave, { once: true })
  })
}

function checkLimit(limit: unknown, what: string): void {
  checkWhole(limit, `the limit of ${what}`, { unlimited: true })
}

export function queueFull(what: string, limit: number, maxQueued: number): QueueFull {
  const message = `${maxQueued} wait for ${what} already, and no more may (maxQueued); the limit is ${limit}`
  return Object.assign(new Unavailable(message, { code: 'too_many' }), { what, limit, maxQueued })
}
