// A simulated host in virtual time and a client that keeps as many requests in flight as the limiter allows.

import { type Adaptive, adapt } from '#collector/flow/adaptive.ts'

export type Host = {
  /** How many it works on at once; more wait in its queue. */
  slots: number
  /** The mean time of one request, in ms. */
  serviceMs: number
  /** The spread of service times: the standard deviation of their logarithm. */
  spread: number
  /** More than this at once are refused with 429 within 5 ms. */
  cap: number
  /** By what part the work slows down for each request beyond the slots, as with a thrashing database. */
  thrash: number
  /** The share of requests that it never answers, however few they are. */
  lost: number
  /** Takes requests and never answers. */
  isHanging: boolean
}

export const HOST: Host = { slots: 10, serviceMs: 100, spread: 0, cap: 1_000, thrash: 0, lost: 0, isHanging: false }

/** What the host is from `atMs` on, and how many requests the job has at hand at once. */
export type Change = { atMs: number; demand?: number } & Partial<Host>

export type Moment = { at: number; limit: number; inFlight: number; outcome: 'ok' | 'dropped'; rttMs: number }

const TIMEOUT_MS = 5_000
const REFUSED_MS = 5

type Flight = { endsAt: number; sentAt: number; outcome: 'ok' | 'dropped' }

/** Every end of a request between 0 and `forMs`, and the limit right after it. */
export function simulate(
  start: Adaptive,
  first: Host,
  { forMs, changes = [], seed = 1 }: { forMs: number; changes?: Change[]; seed?: number },
): Moment[] {
  const random = seeded(seed)
  const coming = changes.toSorted((a, b) => a.atMs - b.atMs)
  const moments: Moment[] = []
  /** The one that ends first is last. */
  const flights: Flight[] = []
  let freeAt = freed([], first.slots, 0)
  let [host, demand, state, now, busy] = [first, Number.POSITIVE_INFINITY, start, 0, 0]

  /** When the host will have answered. */
  function served(): number {
    const slot = freeAt.indexOf(Math.min(...freeAt))
    const thrash = 1 + host.thrash * Math.max(0, busy + 1 - host.slots)
    const workMs = host.serviceMs * thrash * Math.exp(host.spread * normal(random) - host.spread ** 2 / 2)
    freeAt[slot] = Math.max(now, freeAt[slot] as number) + workMs
    return freeAt[slot]
  }

  function sent(): Flight {
    if (host.isHanging || random() < host.lost) return { sentAt: now, endsAt: now + TIMEOUT_MS, outcome: 'dropped' }
    if (busy >= host.cap) return { sentAt: now, endsAt: now + REFUSED_MS, outcome: 'dropped' }
    const endsAt = served()
    if (endsAt - now > TIMEOUT_MS) return { sentAt: now, endsAt: now + TIMEOUT_MS, outcome: 'dropped' }
    return { sentAt: now, endsAt, outcome: 'ok' }
  }

  function send(): void {
    const flight = sent()
    if (flight.outcome === 'ok') busy += 1
    flights.splice(flights.findLastIndex(({ endsAt }) => endsAt > flight.endsAt) + 1, 0, flight)
  }

  while (true) {
    while (flights.length < Math.min(state.limit, demand)) send()
    const next = flights.at(-1)
    if (coming[0] && coming[0].atMs <= (next?.endsAt ?? Number.POSITIVE_INFINITY)) {
      const { atMs, demand: wanted = demand, ...others } = coming.shift() as Change
      now = Math.max(now, atMs)
      host = { ...host, ...others }
      freeAt = freed(freeAt, host.slots, now)
      demand = wanted
      continue
    }
    if (!next || next.endsAt > forMs) return moments
    const { endsAt, sentAt, outcome } = next
    now = endsAt
    state = adapt(state, { rttMs: now - sentAt, inFlight: flights.length, outcome })
    moments.push({ at: now, limit: state.limit, inFlight: flights.length, outcome, rttMs: now - sentAt })
    flights.pop()
    if (outcome === 'ok') busy -= 1
  }
}

/** The same slots, more of them or fewer; the busiest stay. */
function freed(freeAt: number[], slots: number, now: number): number[] {
  const more = Array.from({ length: Math.max(0, slots - freeAt.length) }, () => now)
  return [...freeAt.toSorted((a, b) => b - a), ...more].slice(0, slots)
}

/** Mulberry32: numbers from 0 to 1, the same for the same seed. */
export function seeded(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Box and Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
