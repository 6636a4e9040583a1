// POST /v1/traces, /v1/metrics, /v1/logs: who sends, how much, what; then onto disk; then the answer.

import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { BadInput, Unavailable } from '#model/errors.ts'
import { type Encoding, SIGNALS, type Signal } from '#storage/signals.ts'
import { admit, type Key, permit } from './access.ts'
import { accepted, failure, refused } from './answers.ts'
import type { MemoryBudget } from './body/memory.ts'
import { receiveBody } from './body/receive.ts'
import { check } from './check/check.ts'
import { encodingOf, unsupportedType } from './encoding.ts'
import type { Tell } from './events.ts'
import type { RateLimit } from './rate.ts'
import type { Spool } from './spool/spool.ts'

/** `onError` hears of bugs: what was thrown and is neither BadInput nor Unavailable. */
export type IngestOptions = {
  spool: Pick<Spool, 'accept'>
  /** Without any, everyone who can connect may send. */
  keys: readonly Key[]
  rate: RateLimit
  memory: MemoryBudget
  maxBodyBytes: number
  tell: Tell
  onError: (error: unknown) => void
}

type Env = { Bindings: HttpBindings }

/** Answers 200 when what can be stored of a body is safe; nothing of a body that is answered otherwise is kept. */
export function ingestRoutes(options: IngestOptions): Hono<Env> {
  const { tell, onError } = options
  const app = new Hono<Env>()

  for (const signal of SIGNALS) {
    const path = `/v1/${signal}`
    app.post(path, async (context) => {
      const counted: Counted = { bytes: 0, items: 0, rejected: 0, repeated: false }
      const response = await receive(signal, context, options, counted).catch((error: unknown) => {
        if (!(error instanceof BadInput || error instanceof Unavailable)) onError(error)
        return refused(error, answerEncoding(context))
      })
      tell({ kind: 'answered', signal, status: response.status, ...counted })
      return response
    })
    app.all(path, (context) => {
      const message = `${context.req.method} is not allowed here; send ${signal} with POST`
      return failure(405, message, answerEncoding(context), { Allow: 'POST' })
    })
  }

  app.notFound((context) => {
    const message = `there is nothing at ${context.req.path}; send to ${SIGNALS.map((signal) => `/v1/${signal}`).join(', ')}`
    return failure(404, message, answerEncoding(context))
  })
  app.onError((error, context) => {
    onError(error)
    return refused(error, answerEncoding(context))
  })
  return app
}

/** What is told of a request, as far as it came. */
type Counted = { bytes: number; items: number; rejected: number; repeated: boolean }

async function receive(
  signal: Signal,
  { env: { incoming } }: Context<Env>,
  { spool, keys, rate, memory, maxBodyBytes }: IngestOptions,
  counted: Counted,
): Promise<Response> {
  const { authorization, 'content-type': contentType } = incoming.headers
  const sender = admit(keys, { authorization, address: incoming.socket.remoteAddress })
  const encoding = encodingOf(contentType)
  if (encoding === null) throw unsupportedType(contentType)
  rate.check(sender.id, performance.now())
  // Given back when the answer is known; until then the spool writes from it.
  using held = memory.hold(sender.id)
  const spent = (bytes: number) => rate.charge(sender.id, bytes, performance.now())
  const sent = await receiveBody(incoming, { maxBytes: maxBodyBytes, memory: held, spent })
  const checked = check(signal, encoding, sent)
  const { items, rejected, days, services, body } = checked
  if (items > MAX_ITEMS) throw tooMany(signal, items)
  if (body !== sent) held.take(body.length)
  permit(sender, services)
  Object.assign(counted, { bytes: sent.length, items, rejected })
  if (items > rejected)
    counted.repeated = (await spool.accept(signal, encoding, { items: items - rejected, days, body })) === 'repeated'
  return accepted(signal, checked, encoding)
}

/** Of empty ones 64 MiB would hold 30 million, and ClickHouse needs memory for each. */
const MAX_ITEMS = 500_000

function tooMany(signal: Signal, items: number): BadInput {
  const message = `the body has ${items} ${ITEMS[signal]}; send at most ${MAX_ITEMS} at once`
  return new BadInput(message, { code: 'too_large' })
}

const ITEMS: Record<Signal, string> = { traces: 'spans', metrics: 'data points', logs: 'log records' }

/** JSON for those who did not say: they are people more often than exporters. */
function answerEncoding({ req }: Context): Encoding {
  return encodingOf(req.header('content-type')) ?? 'json'
}
