// POST /v1/traces: check the body, hand it on, answer.

import { Hono } from 'hono'
import { BadInput, Unavailable } from '#model/errors.ts'
import type { Encoding } from '#storage/spans.ts'
import { accepted, failure, refused } from './answers.ts'
import { encodingOf, readBody, unsupportedType } from './body.ts'
import type { Checked } from './checking.ts'
import { checkJson } from './json.ts'
import { checkProtobuf } from './protobuf.ts'

/** Stores a checked body. Throws BadInput when it cannot be read, Unavailable when it may succeed later. */
export type Store = (body: Buffer, encoding: Encoding) => Promise<void>

/** `onError` hears of bugs: what was thrown and is neither BadInput nor Unavailable. */
export type TracesOptions = { store: Store; maxBodyBytes: number; onError?: (error: unknown) => void }

const CHECKS: Record<Encoding, (body: Buffer) => Checked> = { protobuf: checkProtobuf, json: checkJson }

/** Answers 200 when what can be stored of a body is stored; nothing of a body that is answered otherwise is. */
export function tracesRoute({ store, maxBodyBytes, onError = () => {} }: TracesOptions): Hono {
  const app = new Hono()

  app.post('/v1/traces', async (context) => {
    const encoding = encodingOf(context.req.raw.headers.get('content-type'))
    if (encoding === null) throw unsupportedType(context.req.raw.headers.get('content-type'))
    const body = await readBody(context.req.raw, maxBodyBytes)
    const checked = CHECKS[encoding](body)
    if (checked.spans > checked.rejected) await store(body, encoding)
    return accepted(checked, encoding)
  })

  app.all('/v1/traces', (context) =>
    failure(405, `${context.req.method} is not allowed here; send traces with POST`, answerEncoding(context.req.raw), {
      Allow: 'POST',
    }),
  )

  app.notFound((context) => failure(404, notHere(context.req.path), answerEncoding(context.req.raw)))

  app.onError((error, context) => {
    if (!(error instanceof BadInput || error instanceof Unavailable)) onError(error)
    return refused(error, answerEncoding(context.req.raw))
  })

  return app
}

/** JSON for those who did not say: they are people more often than exporters. */
function answerEncoding(request: Request): Encoding {
  return encodingOf(request.headers.get('content-type')) ?? 'json'
}

function notHere(path: string): string {
  const signal = /^\/v1\/(metrics|logs)$/.exec(path)?.[1]
  if (signal) return `${signal} are not accepted yet; traces are, at POST /v1/traces`
  return `there is nothing at ${path}; traces are accepted at POST /v1/traces`
}
