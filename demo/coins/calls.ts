// Which of a cycle's four calls takes how long. In slow cycles nearly all the excess sits in one call, because that is
// how slow cycles are: something specific was slow, and the watcher's work is to find out what.

import { drawCoinDuration } from '#demo/coins/durations.ts'

export const CALLS = ['status', 'coins', 'exchanges', 'markets'] as const
export type Call = (typeof CALLS)[number]

/** Milliseconds each call of one cycle takes. */
export type CallTimes = Record<Call, number>

/** What is left of a cycle without trouble goes to the calls in these shares. */
const USUAL: CallTimes = { status: 0.03, coins: 0.36, exchanges: 0.21, markets: 0.4 }

/** Cycles up to here are slow in all calls alike; what exceeds it is trouble in one. */
const USUAL_LIMIT_MS = 20_000
const CULPRIT_SHARE_OF_EXCESS = 0.95
const MARKETS_SHARE_OF_TROUBLE = 0.7

/** Splits a cycle's calls, `totalMs` together, over the four. `trouble` (0 to 1) decides who has the excess: /markets or /coins. */
export function splitCycle(totalMs: number, trouble: number): CallTimes {
  const culpritMs = CULPRIT_SHARE_OF_EXCESS * Math.max(0, totalMs - USUAL_LIMIT_MS)
  const culprit: Call = trouble < MARKETS_SHARE_OF_TROUBLE ? 'markets' : 'coins'
  const time = (call: Call) => USUAL[call] * (totalMs - culpritMs) + (call === culprit ? culpritMs : 0)
  return { status: time('status'), coins: time('coins'), exchanges: time('exchanges'), markets: time('markets') }
}

/** One cycle's calls in real milliseconds: drawn, `scale` times faster, less the `jobMs` the job itself spends in a cycle. */
export function drawCalls(random: () => number, scale: number, jobMs: number): CallTimes {
  const totalMs = drawCoinDuration(random)
  const times = splitCycle(Math.max(0, totalMs - jobMs * scale), random())
  for (const call of CALLS) times[call] /= scale
  return times
}

/** One client's cycle: how long the calls that have not come yet will take, and when the others were or are due. */
type OpenCycle = { times: Map<Call, number>; dues: number[] }

/** Clients remembered at once. One that was forgotten merely starts a new cycle. */
const MAX_CLIENTS = 1_000

/** What a job may need between an answer and its next call without the cycle becoming longer than was drawn. */
const MAX_LAG_MS = 5

/**
 * Says when a client's call that came at `at` is due to be answered, in milliseconds of the same clock. A client starts a
 * new cycle, and with it a new draw, when it asks for something its current cycle has had: the status check of the next
 * cycle, or the same call again after it gave up. Late timers and the job's own work do not add up: a call counts from
 * when the one before it was due, be that before or after the answer really went out.
 */
export function timeCalls(draw: () => CallTimes): (client: string, call: Call, at: number) => number {
  const open = new Map<string, OpenCycle>()

  const begin = (client: string): OpenCycle => {
    const begun = { times: new Map(Object.entries(draw()) as [Call, number][]), dues: [] }
    open.delete(client)
    open.set(client, begun)
    const [oldest] = open.keys()
    if (open.size > MAX_CLIENTS && oldest !== undefined) open.delete(oldest)
    return begun
  }

  return (client, call, at) => {
    const current = open.get(client)
    const { times, dues } = current?.times.has(call) ? current : begin(client)
    const before = Math.max(Number.NEGATIVE_INFINITY, ...dues.filter((due) => due <= at))
    const due = (at - before <= MAX_LAG_MS ? before : at) + (times.get(call) as number)
    times.delete(call)
    dues.push(due)
    return due
  }
}
