// The way out of the process: OpenTelemetry's OTLP exporters, made harmless to the job around them.

import * as http from 'node:http'
import * as https from 'node:https'
import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import { type ExportResult, suppressTracing } from '@opentelemetry/core'
import { redact } from '#collector/redact.ts'
import type { Letters } from '#collector/telemetry/last-words.ts'
import type { Target } from '#collector/telemetry/targets.ts'
import type { Exporter, Wiring } from '#collector/telemetry/wirings.ts'
import { messageOf } from '#model/errors.ts'

/** What is `refused` would be refused again; `unreachable`: may be taken later, not before `retryAfterMs` if known. */
export type Sent =
  | { state: 'stored' }
  | { state: 'refused'; message: string }
  | { state: 'unreachable'; message: string; retryAfterMs?: number }

/** Neither throws nor rejects. */
export type Outlet<Payload> = {
  /** One call at a time. */
  send(payload: Payload): Promise<Sent>
  /** The same as requests, one a payload, for a process that exits. */
  letters(payloads: Payload[]): Letters
  close(): void
}

const TYPES = { 'http/json': 'application/json', 'http/protobuf': 'application/x-protobuf' } as const

/** Answers after which the same request may succeed, by the OTLP specification. */
const RETRYABLE = new Set([429, 502, 503, 504])

/** What the exporter does not tell about its last request. */
type Wire = { request?: http.ClientRequest; answered?: { status: number; retryAfterMs?: number } }

/** Without a target, everything counts as stored. */
export function createOutlet<Payload>(wiring: Wiring<Payload>, target: Target | null): Outlet<Payload> {
  if (!target) return { send: async () => ({ state: 'stored' }), letters: noLetters, close: () => {} }
  const { url, protocol, headers, timeoutMs } = target
  const wire: Wire = {}
  const agent = quietAgent(url, wire)
  const { Exporter, serializer } = wiring[protocol]
  const exporter = new Exporter({ url, headers, timeoutMillis: timeoutMs, httpAgentOptions: () => agent })
  return {
    async send(payload) {
      // Of an earlier export: when this one fails before it makes a request, trying it again is pointless.
      delete wire.request
      delete wire.answered
      // The exporter's own limit is one of silence; an answer that drips would outlast it.
      const deadline = setTimeout(() => wire.request?.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
      deadline.unref()
      const result = await exported(exporter, payload)
      clearTimeout(deadline)
      return sentOf(result, wire)
    },
    letters(payloads) {
      try {
        const bodies = payloads.map((each) => serializer.serializeRequest(each)).filter((body) => body !== undefined)
        return { url, headers: { ...headers, 'content-type': TYPES[protocol] }, bodies }
      } catch {
        // The process is ending; there is nobody left to tell.
        return noLetters()
      }
    },
    close() {
      wire.request?.destroy()
      agent.destroy()
    },
  }
}

function noLetters(): Letters {
  return { url: '', headers: {}, bodies: [] }
}

/** In no cycle's context, and unseen by instrumentations: an export that is traced would be exported, for ever. */
function exported<Payload>(exporter: Exporter<Payload>, payload: Payload): Promise<ExportResult> {
  return new Promise((resolve) => {
    context.with(suppressTracing(ROOT_CONTEXT), () => {
      try {
        exporter.export(payload, resolve)
      } catch (error) {
        resolve({ code: 1, error: new Error(`they cannot be encoded: ${messageOf(error)}`) })
      }
    })
  })
}

function sentOf({ code, error }: ExportResult, { request, answered }: Wire): Sent {
  if (code === 0) return { state: 'stored' }
  const message = redact(messageOf(error ?? 'the export failed'))
  if (!answered) return request ? { state: 'unreachable', message } : { state: 'refused', message }
  const { status, retryAfterMs } = answered
  const told = `ingest answered ${status}`
  if (!RETRYABLE.has(status)) return { state: 'refused', message: `${told}: ${message}` }
  return { state: 'unreachable', message: told, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}

/**
 * An agent whose requests neither keep the process alive nor are retried by the exporter, which would wait for its next
 * try on a timer that does. The queue retries instead. So what the exporter takes for a reason to retry is hidden from
 * it: the status, kept in `wire`, and the error's code. `addRequest` is where every request of an agent passes.
 */
function quietAgent(url: string, wire: Wire): http.Agent {
  const options = { keepAlive: true, maxSockets: 4 }
  const agent = url.startsWith('https:') ? new https.Agent(options) : new http.Agent(options)
  const passing = agent as unknown as { addRequest(request: http.ClientRequest, ...rest: unknown[]): void }
  const addRequest = passing.addRequest.bind(agent)
  passing.addRequest = (request, ...rest) => {
    wire.request = request
    request.prependOnceListener('socket', (socket) => socket.unref())
    request.prependOnceListener('error', (error: NodeJS.ErrnoException) => {
      if (error.code && !error.message.includes(error.code)) error.message = `${error.message} (${error.code})`.trim()
      Object.defineProperty(error, 'code', { value: undefined })
    })
    request.prependOnceListener('response', (response) => {
      const status = response.statusCode ?? 0
      const retryAfter = Number(response.headers['retry-after'])
      wire.answered = { status, ...(retryAfter >= 0 ? { retryAfterMs: retryAfter * 1_000 } : {}) }
      if (RETRYABLE.has(status)) response.statusCode = 500
    })
    addRequest(request, ...rest)
  }
  return agent
}
