// run.fetch: attempts and redirects, until there is an answer to hand out.

import { attempt } from './attempt.ts'
import { redirectError } from './network-errors.ts'
import type { Ongoing } from './ongoing.ts'
import { MAX_REDIRECTS, redirectOf } from './redirects.ts'
import { asked, type FetchOptions } from './requests.ts'
import { type FetchResult, fetchResult } from './responses.ts'

/**
 * Fetches and reads the whole answer. A status of 400 and above is an answer, not an error, as with the built-in fetch.
 */
export async function fetchIn(ongoing: Ongoing, url: string | URL, options?: FetchOptions): Promise<FetchResult> {
  let request = asked(url, options)
  for (let hop = 0; ; hop += 1) {
    const { status, headers, body } = await attempt(ongoing, request, hop)
    const redirect = request.redirect === 'manual' ? NO_REDIRECT : redirectOf(request, status, headers)
    if (redirect.state === 'none') return fetchResult(status, headers, request.url.href, body)
    if (redirect.state === 'invalid') {
      throw redirectError(request, 'BAD_REDIRECT', `it redirects to '${redirect.location}', which cannot be fetched`)
    }
    if (request.redirect === 'error') {
      throw redirectError(request, 'BAD_REDIRECT', `it redirects to ${redirect.next.url.href}, and redirect is 'error'`)
    }
    if (hop === MAX_REDIRECTS) {
      throw redirectError(request, 'TOO_MANY_REDIRECTS', `it was redirected more than ${MAX_REDIRECTS} times`)
    }
    request = redirect.next
  }
}

const NO_REDIRECT = { state: 'none' } as const
