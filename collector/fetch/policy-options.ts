// What the fetches of a job can be told, with what holds when nothing is said, and the checks of it. Pure.

import type { HttpCacheOptions } from '#collector/cache/http.ts'
import type { BreakerOptions } from '#collector/fetch/breaker.ts'
import type { Adaptive } from '#collector/fetch/latency.ts'
import type { QuotaOptions } from '#collector/fetch/quota.ts'
import type { Backoff } from '#collector/fetch/retry.ts'
import type { HostFlowOptions } from '#collector/flow/hosts.ts'
import type { Problem } from '#model/errors.ts'

/** Milliseconds; each attempt has them anew. `firstByteMs` as bounds: between them, as the host's own answers suggest. */
export type Timeouts = { connectMs: number; firstByteMs: number | Adaptive; idleMs: number; totalMs: number }

/** What one host can bear. */
export type HostOptions = Omit<HostFlowOptions, 'what'> & {
  quota?: QuotaOptions | undefined
  /** `false`: none. */
  breaker?: BreakerOptions | false | undefined
}

export type FetchPolicyOptions = {
  timeouts?: Partial<Timeouts> | undefined
  /** After the first attempt. Default: 3. */
  retries?: number | undefined
  backoff?: Partial<Backoff> | undefined
  /** Of an answer's body, as it comes and decoded. Default: 100 MB. */
  maxBytes?: number | undefined
  /** How long a call waits for an open circuit breaker to let a probe through. Default: not at all. */
  breakerWaitMs?: number | undefined
  /** For every GET, unless the fetch says otherwise. Default: no cache. */
  cache?: HttpCacheOptions | undefined
  /** For every host, unless `hosts` says otherwise. */
  host?: HostOptions | undefined
  /** By host name, with its port where that is not the usual one. */
  hosts?: Record<string, HostOptions> | undefined
  /** Hosts that get a `traceparent`; `*.example.org` stands for every name below. Default: none. */
  propagateTo?: readonly string[] | undefined
}

export const TIMEOUTS: Timeouts = { connectMs: 5_000, firstByteMs: 30_000, idleMs: 30_000, totalMs: 120_000 }
export const BACKOFF: Backoff = { firstMs: 250, longestMs: 20_000 }
export const BREAKER: BreakerOptions = { failures: 10, openMs: 10_000 }
export const RETRIES = 3
export const MAX_BYTES = 100_000_000

const KNOWN = ['timeouts', 'retries', 'backoff', 'maxBytes', 'breakerWaitMs', 'cache', 'host', 'hosts', 'propagateTo']
const KNOWN_OF_HOST = ['concurrency', 'rate', 'maxQueued', 'quota', 'breaker']

export function problemsOf(options: FetchPolicyOptions): Problem[] {
  const problems: Problem[] = []
  const expect = (holds: boolean, path: string, message: string) => {
    if (!holds) problems.push({ path, message })
  }
  checkKeys(options, KNOWN, '', expect)
  checkTimeouts(options.timeouts, expect)
  expect(isCount(options.retries ?? 0, 0), 'retries', 'must be a whole number from 0')
  expect(isCount(options.maxBytes ?? 1, 1), 'maxBytes', 'must be a whole number above 0')
  expect(isDuration(options.breakerWaitMs ?? 0, 0), 'breakerWaitMs', 'must be a number of milliseconds from 0')
  checkKeys(options.backoff ?? {}, Object.keys(BACKOFF), 'backoff.', expect)
  for (const [key, value] of Object.entries(options.backoff ?? {})) {
    expect(isDuration(value, 0), `backoff.${key}`, 'must be a number of milliseconds from 0')
  }
  checkHost(options.host, 'host', expect)
  for (const [name, one] of Object.entries(options.hosts ?? {})) checkHost(one, `hosts.${name}`, expect)
  const names = options.propagateTo ?? []
  expect(
    Array.isArray(names) && names.every((name) => typeof name === 'string' && /^(\*\.)?[^*/:\s]+$/.test(name)),
    'propagateTo',
    "must be a list of host names, such as 'api.example.org' or '*.example.org'",
  )
  return problems
}

type Expect = (holds: boolean, path: string, message: string) => void

/** Also used for the timeouts of a single call. */
export function checkTimeouts(timeouts: Partial<Timeouts> | undefined, expect: Expect): void {
  checkKeys(timeouts ?? {}, Object.keys(TIMEOUTS), 'timeouts.', expect)
  for (const [key, value] of Object.entries(timeouts ?? {})) {
    const bounds = typeof value === 'object' ? [value.floorMs, value.ceilingMs] : [value]
    expect(
      (key === 'firstByteMs' || typeof value === 'number') &&
        bounds.every((bound) => isDuration(bound, 1)) &&
        (bounds[0] as number) <= (bounds.at(-1) as number),
      `timeouts.${key}`,
      key === 'firstByteMs'
        ? 'must be milliseconds above 0, or { floorMs, ceilingMs } with the floor below the ceiling'
        : 'must be a number of milliseconds above 0',
    )
  }
}

function checkHost(host: HostOptions | undefined, path: string, expect: Expect): void {
  checkKeys(host ?? {}, KNOWN_OF_HOST, `${path}.`, expect)
  const { quota, breaker } = host ?? {}
  expect(
    quota === undefined || (isCount(quota.calls, 1) && isDuration(quota.perMs, 1)),
    `${path}.quota`,
    'must be { calls, perMs }, both above 0',
  )
  expect(
    !breaker || (isCount(breaker.failures, 1) && isDuration(breaker.openMs, 1)),
    `${path}.breaker`,
    'must be { failures, openMs }, both above 0, or false',
  )
}

function checkKeys(value: object, known: readonly string[], prefix: string, expect: Expect): void {
  for (const key of Object.keys(value)) {
    expect(known.includes(key), `${prefix}${key}`, `is unknown; known are ${known.join(', ')}`)
  }
}

function isCount(value: unknown, least: number): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least
}

function isDuration(value: unknown, least: number): boolean {
  return typeof value === 'number' && value >= least && value < 2 ** 31
}
