// What a request passes before it is sent to one host: a place among those in flight, then its turn by the host's rate.
// Lives as long as the job's process, so that what was learned about a host in one cycle holds in the next.

import { type Adaptive, type AdaptiveOptions, adapt, adaptive, type Sample } from '#collector/flow/adaptive.ts'
import { type Permits, permits, type Release } from '#collector/flow/permits.ts'
import { type Rate, type RateLimit, type RateOptions, rate } from '#collector/flow/rate.ts'
import { BadInput } from '#model/errors.ts'

export type HostFlowOptions = {
  /**
   * How many requests at once: a number; `adaptive` or its bounds to have it found (adaptive.ts); default: no limit.
   */
  concurrency?: number | 'adaptive' | AdaptiveOptions | undefined
  rate?: RateLimit | undefined
  /** How many may wait for a place, and as many for their turn: a whole number from 0. Default: any number. */
  maxQueued?: number | undefined
  /** What errors call it. Default: `requests`. */
  what?: string | undefined
}

export type FlowWait = 'queue' | 'rate_limit'

export type EnterOptions = {
  signal?: AbortSignal | undefined
  /** Called only where there is something to wait for; has to run `wait`, and to settle as and when that does. */
  onWait?: (<T>(reason: FlowWait, wait: () => Promise<T>) => Promise<T>) | undefined
}

/** A request that may now be sent. */
export type Entered = {
  /** How long it waited for what, in ms; 0 where it did not. */
  waitedMs: Record<FlowWait, number>
  /**
   * Must be called when the request has ended, however it did; further calls do nothing. Without a sample, what happened
   * says nothing about how much the host can take: the caller gave up, or the host's name is unknown.
   */
  leave(sample?: Pick<Sample, 'rttMs' | 'outcome'>): void
}

export type HostFlow = {
  /**
   * Resolves when the request may be sent, in the order of entering. Rejects with the signal's reason when that aborts
   * first, and with QueueFull (permits.ts) when `maxQueued` wait already; then there is nothing to leave.
   */
  enter(options?: EnterOptions): Promise<Entered>
  /** `limit` is Infinity without one; `inFlight` counts requests that were sent; `queued` waits for either. */
  state(): { limit: number; inFlight: number; queued: number }
}

type Host = {
  readonly places: Permits
  readonly turns: Rate | undefined
  readonly now: () => number
  learned: Adaptive | undefined
  inFlight: number
}

/** Throws BadInput for options that are out of range. `clock` is for tests. */
export function hostFlow(options: HostFlowOptions, clock: Pick<RateOptions, 'now' | 'sleep'> = {}): HostFlow {
  const { concurrency, maxQueued, what = 'requests' } = options
  const learned = typeof concurrency === 'number' ? undefined : learnerOf(concurrency)
  const limit = learned?.limit ?? (typeof concurrency === 'number' ? concurrency : Number.POSITIVE_INFINITY)
  const host: Host = {
    places: permits({ limit, maxQueued, what }),
    turns: options.rate && rate(options.rate, { ...clock, maxQueued, what }),
    now: clock.now ?? (() => performance.now()),
    learned,
    inFlight: 0,
  }
  const { places, turns } = host
  return {
    enter: (given) => enter(host, given),
    state: () => ({
      limit: places.limit,
      inFlight: host.inFlight,
      queued: places.queued + (turns?.queued ?? 0),
    }),
  }
}

function learnerOf(concurrency: Exclude<HostFlowOptions['concurrency'], number>): Adaptive | undefined {
  if (concurrency === undefined) return undefined
  if (concurrency === 'adaptive') return adaptive()
  if (typeof concurrency === 'object' && concurrency !== null) return adaptive(concurrency)
  throw new BadInput(
    `concurrency is '${String(concurrency)}'; allowed are a whole number from 1, adaptive, or { min, max, initial }`,
  )
}

async function enter(host: Host, { signal, onWait = (_, wait) => wait() }: EnterOptions = {}): Promise<Entered> {
  signal?.throwIfAborted()
  const { places, turns, now } = host
  const waitedMs = { queue: 0, rate_limit: 0 }
  const timed: Timed = async (reason, wait) => {
    const from = now()
    const value = await onWait(reason, wait)
    waitedMs[reason] = Math.max(0, now() - from)
    return value
  }
  const release = await place(places, signal, timed)
  try {
    // The place first: a turn that then waited for a place would be spent at another time than it was given for.
    await turn(turns, signal, timed)
    signal?.throwIfAborted()
  } catch (error) {
    release()
    throw error
  }
  return entered(host, release, waitedMs)
}

function entered(host: Host, release: Release, waitedMs: Entered['waitedMs']): Entered {
  host.inFlight += 1
  let isIn = true
  return {
    waitedMs,
    leave(sample) {
      if (!isIn) return
      isIn = false
      if (sample) learn(host, sample)
      host.inFlight -= 1
      release()
    },
  }
}

function learn(host: Host, sample: Pick<Sample, 'rttMs' | 'outcome'>): void {
  const { learned, places, inFlight } = host
  if (!learned) return
  host.learned = adapt(learned, { ...sample, inFlight })
  if (host.learned.limit !== places.limit) places.setLimit(host.learned.limit)
}

type Timed = <T>(reason: FlowWait, wait: () => Promise<T>) => Promise<T>

/** A permit that comes when the hook around its wait has failed goes back. */
async function place(places: Permits, signal: AbortSignal | undefined, timed: Timed): Promise<Release> {
  const free = places.tryAcquire()
  if (free) return free
  let given: Release | undefined
  let isGone = false
  try {
    return await timed('queue', async () => {
      given = await places.acquire(signal)
      if (isGone) given()
      return given
    })
  } catch (error) {
    isGone = true
    given?.()
    throw error
  }
}

async function turn(turns: Rate | undefined, signal: AbortSignal | undefined, timed: Timed): Promise<void> {
  if (!turns || turns.tryTake()) return
  await timed('rate_limit', () => turns.waitFor(signal))
}
