import { describe, expect, test } from 'vitest'
import { fetchPolicy } from '#collector/fetch/policy.ts'
import type { FetchPolicyOptions } from '#collector/fetch/policy-options.ts'

const WRONG: [what: string, options: unknown, message: string][] = [
  ['an unknown key', { retry: 3 }, 'retry is unknown; known are timeouts, retries'],
  ['half a retry', { retries: 0.5 }, 'retries must be a whole number from 0'],
  ['an unknown timeout', { timeouts: { readMs: 5 } }, 'timeouts.readMs is unknown'],
  ['no time at all', { timeouts: { connectMs: 0 } }, 'timeouts.connectMs must be a number of milliseconds above 0'],
  [
    'bounds for what does not adapt',
    { timeouts: { totalMs: { floorMs: 1, ceilingMs: 2 } } },
    'timeouts.totalMs must be',
  ],
  ['a floor above the ceiling', { timeouts: { firstByteMs: { floorMs: 3, ceilingMs: 2 } } }, 'with the floor below'],
  ['an unknown key of a host', { host: { conurrency: 5 } }, 'host.conurrency is unknown'],
  ['a quota of nothing', { hosts: { a: { quota: { calls: 0, perMs: 1 } } } }, 'hosts.a.quota must be { calls, perMs }'],
  ['a breaker that never opens', { host: { breaker: { failures: 0, openMs: 1 } } }, 'host.breaker must be { failures'],
  ['an address instead of a name', { propagateTo: ['https://a.example'] }, 'propagateTo must be a list of host names'],
]

describe('a policy is refused that has', () => {
  for (const [what, options, message] of WRONG) {
    test(what, () => {
      expect(() => fetchPolicy(options as FetchPolicyOptions)).toThrow(
        expect.objectContaining({ name: 'BadInput', message: expect.stringContaining(message) }),
      )
    })
  }
})

test('every problem of a policy is told at once', () => {
  const options = { retries: -1, host: { quota: { calls: 1, perMs: 0 } } }
  expect(() => fetchPolicy(options)).toThrow(
    expect.objectContaining({
      problems: [expect.objectContaining({ path: 'retries' }), expect.objectContaining({ path: 'host.quota' })],
    }),
  )
})

test('what one host can bear is what is said of it, else what is said of all', () => {
  const policy = fetchPolicy({
    host: { quota: { calls: 5, perMs: 1_000 } },
    hosts: { 'b.example:8080': { quota: { calls: 1, perMs: 1_000 }, breaker: false } },
  })
  const quotaOf = (url: string) => policy.hostOf(new URL(url)).quota?.remaining()
  expect([quotaOf('http://a.example/x'), quotaOf('http://b.example/'), quotaOf('http://b.example:8080/')]).toEqual([
    5, 5, 1,
  ])
  expect(policy.hostOf(new URL('http://b.example:8080/')).breaker).toBeNull()
  expect(policy.hostOf(new URL('http://a.example/1'))).toBe(policy.hostOf(new URL('http://a.example/2')))
})

test('a traceparent goes to the hosts that were named, and those below them', () => {
  const { propagates } = fetchPolicy({ propagateTo: ['a.example', '*.b.example'] })
  const hosts = ['a.example', 'x.a.example', 'b.example', 'x.b.example', 'x.y.b.example', 'xb.example']
  expect(hosts.filter((host) => propagates(new URL(`https://${host}:8443/`)))).toEqual([
    'a.example',
    'x.b.example',
    'x.y.b.example',
  ])
})
