// Routes without a network: a gateway whose spool only remembers, and requests as Node's server hands them over.

import { Readable } from 'node:stream'
import { keysOf, type Token } from '#ingest/access.ts'
import { memoryBudget } from '#ingest/body/memory.ts'
import type { IngestEvent } from '#ingest/events.ts'
import { rateLimit } from '#ingest/rate.ts'
import { ingestRoutes } from '#ingest/routes.ts'
import type { Encoding, Signal } from '#storage/signals.ts'

export const PROTOBUF = { 'Content-Type': 'application/x-protobuf' }
export const JSON_TYPE = { 'Content-Type': 'application/json' }
export const LIMIT = 10_000

/** What a spool was given: `body` as a copy, because its memory is used again after the answer. */
export type Kept = { signal: Signal; encoding: Encoding; body: Buffer; items: number }

export type GatewayText = {
  tokens?: Token[]
  bytesPerSecond?: number
  /** What accepting does besides remembering; it may throw. */
  accept?: () => Promise<'written' | 'repeated'>
}

export type Sending = {
  path?: string
  method?: string
  headers?: Record<string, string>
  /** Several pieces come without a length. */
  body?: Buffer | string | Buffer[]
}

export function fakeGateway({ tokens = [], bytesPerSecond, accept = async () => 'written' }: GatewayText = {}) {
  const kept: Kept[] = []
  const bugs: unknown[] = []
  const told: IngestEvent[] = []
  const memory = memoryBudget(64 * 2 ** 20)
  const digests = new Set<string>()
  const app = ingestRoutes({
    keys: keysOf(tokens),
    rate: rateLimit(bytesPerSecond ?? null),
    memory,
    maxBodyBytes: LIMIT,
    tell: (event) => told.push(event),
    onError: (error) => bugs.push(error),
    spool: {
      async accept(signal, encoding, { items, body }) {
        const key = `${signal} ${encoding} ${body.toString('latin1')}`
        const answer = await accept()
        if (answer === 'repeated' || digests.has(key)) return 'repeated'
        digests.add(key)
        kept.push({ signal, encoding, body: Buffer.from(body), items })
        return answer
      },
    },
  })

  async function send({ path = '/v1/traces', method = 'POST', headers = JSON_TYPE, body = '' }: Sending) {
    const pieces = Array.isArray(body) ? body : [Buffer.from(body)]
    const length = Array.isArray(body) ? {} : { 'content-length': String(pieces[0]?.length) }
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
    const socket = { remoteAddress: '127.0.0.1' }
    const incoming = Object.assign(Readable.from(pieces), { headers: { ...length, ...lower }, socket })
    return app.request(path, { method, headers }, { incoming, outgoing: {} } as never)
  }

  return {
    kept,
    bugs,
    told,
    heldBytes: memory.heldBytes,
    send,
    /** POST /v1/traces. */
    post: (body: NonNullable<Sending['body']>, headers: Record<string, string> = JSON_TYPE) => send({ body, headers }),
  }
}
