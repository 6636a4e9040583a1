// Addresses of hosts, remembered for a while. At the connector and not by undici's DNS interceptor: that one makes a pool for
// each address, goes round them request by request, and closes connections when two hosts share one.

import { type LookupAddress, lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'

type Answer = { addresses: LookupAddress[]; until: number }
type Waiter = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void

/** The system's resolver says nothing about how long an address is good for; this is what most say. */
const TTL_MS = 30_000
/** An address that may be old is better than none while the resolver fails. */
const STALE_MS = 3_600_000
const MOST_HOSTS = 1_000

export type SystemLookup = (host: string, options: { all: true; family: number }, callback: Waiter) => void

type Names = {
  known: Map<string, Answer>
  asking: Map<string, Waiter[]>
  now: () => number
  ask: SystemLookup
}

/**
 * A lookup for `net.connect` that asks the system once for those who ask at the same time, and again after half a minute.
 * `now` is a monotonic clock in milliseconds. When the system fails, what it last said is good for an hour; its error
 * otherwise is passed on and not remembered.
 */
export function rememberNames(now: () => number, ask: SystemLookup = systemLookup): LookupFunction {
  const names: Names = { known: new Map(), asking: new Map(), now, ask }
  return (host, options, callback) => {
    const family = options.family === 'IPv4' ? 4 : options.family === 'IPv6' ? 6 : (options.family ?? 0)
    find(names, host, family, (error, addresses) => {
      const [first] = error ? [] : addresses
      if (!first) callback(error ?? Object.assign(new Error(`no address for ${host}`), { code: 'ENOTFOUND' }), '')
      else if (options.all) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}

function find(names: Names, host: string, family: number, waiter: Waiter): void {
  const { known, asking, now, ask } = names
  const key = `${family} ${host}`
  const answer = known.get(key)
  if (answer && answer.until > now()) {
    // As a resolver would, after this turn: whoever asks is not listening yet.
    process.nextTick(waiter, null, answer.addresses)
    return
  }
  const others = asking.get(key)
  if (others) {
    others.push(waiter)
    return
  }
  const waiters = [waiter]
  asking.set(key, waiters)
  ask(host, { all: true, family }, (error, addresses) => {
    asking.delete(key)
    if (!error) remember(names, key, addresses)
    const stale = error && answer && now() < answer.until + STALE_MS ? answer.addresses : null
    for (const one of waiters) one(stale ? null : error, stale ?? addresses)
  })
}

function remember({ known, now }: Names, key: string, addresses: LookupAddress[]): void {
  known.delete(key)
  known.set(key, { addresses, until: now() + TTL_MS })
  const [oldest] = known.keys()
  if (known.size > MOST_HOSTS && oldest !== undefined) known.delete(oldest)
}
