// Where a redirect leads, as the Fetch standard has it. Pure.

import type { WireHeaders } from '#collector/fetch/exchange.ts'
import type { Asked } from '#collector/fetch/requests.ts'

export const MAX_REDIRECTS = 10

const REDIRECT_STATUS = new Set([301, 302, 303, 307, 308])
const BODY_HEADERS = new Set([
  'content-encoding',
  'content-language',
  'content-location',
  'content-type',
  'content-length',
])
const CREDENTIAL_HEADERS = new Set(['authorization', 'cookie', 'proxy-authorization', 'host'])

/** `none` when the answer is to be handed out as it is. */
export type Redirect = { state: 'none' } | { state: 'follow'; next: Asked } | { state: 'invalid'; location: string }

export function redirectOf(asked: Asked, status: number, headers: WireHeaders): Redirect {
  const location = headers.location
  if (!REDIRECT_STATUS.has(status) || typeof location !== 'string') return { state: 'none' }
  const url = URL.parse(latin1ToUtf8(location), asked.url)
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) return { state: 'invalid', location }
  if (url.hash === '') url.hash = asked.url.hash
  const withoutBody = becomesGet(status, asked.method)
  const crossing = url.origin !== asked.url.origin
  const kept = asked.headers.filter((_, index) => {
    const name = (asked.headers[index - (index % 2)] as string).toLowerCase()
    return !(withoutBody && BODY_HEADERS.has(name)) && !(crossing && CREDENTIAL_HEADERS.has(name))
  })
  return {
    state: 'follow',
    next: {
      ...asked,
      url,
      method: withoutBody ? 'GET' : asked.method,
      headers: kept,
      body: withoutBody ? undefined : asked.body,
      // The template described the first address, not where it leads.
      template: undefined,
    },
  }
}

function becomesGet(status: number, method: string): boolean {
  if (status === 303) return method !== 'GET' && method !== 'HEAD'
  return (status === 301 || status === 302) && method === 'POST'
}

/** Header bytes arrive as latin1; a Location with raw UTF-8 in it is common. */
function latin1ToUtf8(text: string): string {
  return /[\x80-\xff]/.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text
}
