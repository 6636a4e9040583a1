// What is remembered of the hosts a job fetches from: how they answer, and what may still be asked of them.

import { type Breaker, createBreaker } from '#collector/fetch/breaker.ts'
import { type Latencies, rememberLatencies } from '#collector/fetch/latency.ts'
import type { HostOptions } from '#collector/fetch/policy-options.ts'
import { createQuota, type Quota } from '#collector/fetch/quota.ts'
import { type HostFlow, hostFlow } from '#collector/flow/hosts.ts'

export type Host = {
  name: string
  flow: HostFlow
  latencies: Latencies
  breaker: Breaker | null
  quota: Quota | null
}

/** A job that crawls meets more hosts than are worth remembering. */
const MOST_HOSTS = 1_000

/** By origin; forgets the oldest, unless something is on its way to it. */
export function rememberHosts(optionsOf: (url: URL) => HostOptions): (url: URL) => Host {
  const hosts = new Map<string, Host>()
  return (url) => {
    const known = hosts.get(url.origin)
    if (known) return known
    const made = makeHost(url, optionsOf(url))
    hosts.set(url.origin, made)
    if (hosts.size > MOST_HOSTS) forgetOne(hosts)
    return made
  }
}

function makeHost(url: URL, { quota, breaker, ...flow }: HostOptions): Host {
  const now = () => performance.now()
  return {
    name: url.host,
    flow: hostFlow({ ...flow, what: `requests to ${url.host}` }),
    latencies: rememberLatencies(),
    breaker: breaker ? createBreaker(breaker, now) : null,
    quota: quota ? createQuota(quota, now) : null,
  }
}

function forgetOne(hosts: Map<string, Host>): void {
  for (const [origin, { flow }] of hosts) {
    const { inFlight, queued } = flow.state()
    if (inFlight + queued > 0) continue
    hosts.delete(origin)
    return
  }
}
