// How the fetches of a job behave: what they wait for, how often they are repeated, and what each host can bear. Made once,
// beside the job, because it remembers how hosts behave from cycle to cycle.

import type { HttpCacheOptions } from '#collector/cache/http.ts'
import { type Host, rememberHosts } from '#collector/fetch/hosts.ts'
import {
  BACKOFF,
  BREAKER,
  type FetchPolicyOptions,
  MAX_BYTES,
  problemsOf,
  RETRIES,
  TIMEOUTS,
  type Timeouts,
} from '#collector/fetch/policy-options.ts'
import type { Backoff } from '#collector/fetch/retry.ts'
import { BadInput } from '#model/errors.ts'

export type FetchPolicy = {
  readonly timeouts: Timeouts
  readonly retries: number
  readonly backoff: Backoff
  readonly maxBytes: number
  readonly breakerWaitMs: number
  readonly cache: HttpCacheOptions | undefined
  hostOf(url: URL): Host
  propagates(url: URL): boolean
}

/** Throws BadInput with every problem found. */
export function fetchPolicy(options: FetchPolicyOptions = {}): FetchPolicy {
  const problems = problemsOf(options)
  if (problems.length > 0) {
    const lines = problems.map(({ path, message }) => `${path} ${message}`)
    throw new BadInput(`the fetch policy cannot be used: ${lines.join('; ')}`, { problems })
  }
  const { host = {}, hosts = {}, propagateTo = [] } = options
  return {
    timeouts: { ...TIMEOUTS, ...options.timeouts },
    retries: options.retries ?? RETRIES,
    backoff: { ...BACKOFF, ...options.backoff },
    maxBytes: options.maxBytes ?? MAX_BYTES,
    breakerWaitMs: options.breakerWaitMs ?? 0,
    cache: options.cache,
    hostOf: rememberHosts((url) => ({ breaker: BREAKER, ...host, ...hosts[url.host] })),
    propagates: ({ hostname }) => propagateTo.some((pattern) => matches(pattern, hostname)),
  }
}

let usual: FetchPolicy | undefined

/** That of cycles which were given none. */
export function defaultPolicy(): FetchPolicy {
  usual ??= fetchPolicy()
  return usual
}

function matches(pattern: string, hostname: string): boolean {
  return pattern.startsWith('*.') ? hostname.endsWith(pattern.slice(1)) : hostname === pattern
}
