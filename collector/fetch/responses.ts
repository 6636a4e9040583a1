// The answer that run.fetch gives: read to its end already, with the methods of the built-in fetch's Response.

import type { WireHeaders } from '#collector/fetch/exchange.ts'

export type FetchResult = {
  readonly status: number
  /** Whether the status is 200 to 299. */
  readonly ok: boolean
  readonly headers: Headers
  /** The address that answered, after redirects. */
  readonly url: string
  /** Rejects with a SyntaxError when the body is not JSON. */
  json<T = unknown>(): Promise<T>
  text(): Promise<string>
  bytes(): Promise<Uint8Array>
}

export function fetchResult(status: number, wireHeaders: WireHeaders, url: string, body: Buffer): FetchResult {
  let headers: Headers | undefined
  return {
    status,
    ok: status >= 200 && status <= 299,
    get headers() {
      // Made when asked for: most jobs look at the body alone.
      headers ??= standardHeaders(wireHeaders)
      return headers
    },
    url,
    json: async <T>() => JSON.parse(utf8(body)) as T,
    text: async () => utf8(body),
    bytes: async () => new Uint8Array(body.buffer, body.byteOffset, body.byteLength),
  }
}

/** As the Fetch standard decodes: without a byte order mark. Faster than a TextDecoder for the small bodies of an API. */
function utf8(body: Buffer): string {
  const text = body.toString('utf8')
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}

function standardHeaders(wireHeaders: WireHeaders): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(wireHeaders)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined) headers.append(name, one)
    }
  }
  return headers
}
