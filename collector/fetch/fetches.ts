// run.fetch: from the cache where it may be, else calls and redirects, until there is an answer to hand out.

import { joined } from '#collector/budget.ts'
import { fetchCachedIn, type HttpCacheOptions } from '#collector/cache/http.ts'
import { call } from '#collector/fetch/calls.ts'
import { redirectError } from '#collector/fetch/network-errors.ts'
import type { FetchPolicy } from '#collector/fetch/policy.ts'
import { MAX_REDIRECTS, type Redirect, redirectOf } from '#collector/fetch/redirects.ts'
import { type Asked, asked, type FetchOptions } from '#collector/fetch/requests.ts'
import { type FetchResult, fetchResult } from '#collector/fetch/responses.ts'
import type { Ongoing } from '#collector/ongoing.ts'

/**
 * Fetches and reads the whole answer. A status of 400 and above is an answer, not an error, as with the built-in fetch;
 * what passes is tried again first, as the policy says.
 */
export async function fetchIn(
  ongoing: Ongoing,
  policy: FetchPolicy,
  url: string | URL,
  options?: FetchOptions,
): Promise<FetchResult> {
  const plain = asked(url, options)
  const cache = cacheOf(plain, policy)
  const count = { sent: 0 }
  let request: Asked = { ...plain, signal: joined(ongoing.budget, plain.signal) }
  for (let hop = 0; ; hop += 1) {
    const { status, headers, body } = cache
      ? await fetchCachedIn(ongoing, request, cache, (asking, { isBackground }) =>
          call(ongoing, asking, policy, isBackground ? { sent: 0 } : count),
        )
      : await call(ongoing, request, policy, count)
    const redirect = request.redirect === 'manual' ? NO_REDIRECT : redirectOf(request, status, headers)
    if (redirect.state === 'none') return fetchResult(status, headers, request.url.href, body)
    request = allowed(request, redirect, hop)
  }
}

/** `false` for one fetch outweighs the policy; options of its own replace the policy's. */
function cacheOf({ cache }: Asked, policy: FetchPolicy): HttpCacheOptions | undefined {
  if (cache === false) return undefined
  if (cache === undefined) return policy.cache
  return cache === true ? (policy.cache ?? {}) : cache
}

const NO_REDIRECT = { state: 'none' } as const

/** Where to go on; throws a NetworkError when that may not be. */
function allowed(request: Asked, redirect: Exclude<Redirect, { state: 'none' }>, hop: number): Asked {
  if (redirect.state === 'invalid') {
    throw redirectError(request, 'BAD_REDIRECT', `it redirects to '${redirect.location}', which cannot be fetched`)
  }
  if (request.redirect === 'error') {
    throw redirectError(request, 'BAD_REDIRECT', `it redirects to ${redirect.next.url.href}, and redirect is 'error'`)
  }
  if (hop === MAX_REDIRECTS) {
    throw redirectError(request, 'TOO_MANY_REDIRECTS', `it was redirected more than ${MAX_REDIRECTS} times`)
  }
  return redirect.next
}
