// The way out of the process: OpenTelemetry's OTLP exporter, made harmless to the job around it.

import * as http from 'node:http'
import * as https from 'node:https'
import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import { type ExportResult, suppressTracing } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { messageOf } from '#model/errors.ts'
import { sendBlocking } from './last-words.ts'
import { redact } from './redact.ts'
import type { Settings } from './settings.ts'

export type ExportedSpan = Parameters<OTLPTraceExporter['export']>[0][number]

/** `refused` spans would be refused again; `unreachable` ones may be taken later, not before `retryAfterMs` if known. */
export type Sent =
  | { state: 'stored' }
  | { state: 'refused'; message: string }
  | { state: 'unreachable'; message: string; retryAfterMs?: number }

/** Neither throws nor rejects. */
export type Outlet = {
  /** One call at a time. */
  send(spans: ExportedSpan[]): Promise<Sent>
  /** For a process that exits: sends batch after batch, blocks for up to `withinMs`, and tells nothing. */
  sendBlocking(batches: ExportedSpan[][], withinMs: number): void
  close(): void
}

const PROTOCOLS = {
  'http/json': { Exporter: OTLPTraceExporter, serializer: JsonTraceSerializer, type: 'application/json' },
  'http/protobuf': { Exporter: ProtobufExporter, serializer: ProtobufTraceSerializer, type: 'application/x-protobuf' },
}

/** Answers after which the same request may succeed, by the OTLP specification. */
const RETRYABLE = new Set([429, 502, 503, 504])

/** What the exporter does not tell about its last request. */
type Wire = { request?: http.ClientRequest; answered?: { status: number; retryAfterMs?: number } }

export function createOutlet({ tracesUrl, protocol, headers, timeoutMs }: Settings): Outlet {
  const wire: Wire = {}
  const agent = quietAgent(tracesUrl, wire)
  const { Exporter, serializer, type } = PROTOCOLS[protocol]
  const exporter = new Exporter({ url: tracesUrl, headers, timeoutMillis: timeoutMs, httpAgentOptions: () => agent })
  return {
    async send(spans) {
      // Of an earlier export: when this one fails before it makes a request, trying it again is pointless.
      delete wire.request
      delete wire.answered
      // The exporter's own limit is one of silence; an answer that drips would outlast it.
      const deadline = setTimeout(() => wire.request?.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
      deadline.unref()
      const result = await exported(exporter, spans)
      clearTimeout(deadline)
      return sentOf(result, wire)
    },
    sendBlocking(batches, withinMs) {
      try {
        const bodies = batches.map((spans) => serializer.serializeRequest(spans)).filter((body) => body !== undefined)
        sendBlocking(tracesUrl, { ...headers, 'content-type': type }, bodies, withinMs)
      } catch {
        // The process is ending; there is nobody left to tell.
      }
    },
    close() {
      wire.request?.destroy()
      agent.destroy()
    },
  }
}

/** In no cycle's context, and unseen by instrumentations: an export that is traced would be exported, for ever. */
function exported(exporter: OTLPTraceExporter, spans: ExportedSpan[]): Promise<ExportResult> {
  return new Promise((resolve) => {
    context.with(suppressTracing(ROOT_CONTEXT), () => {
      try {
        exporter.export(spans, resolve)
      } catch (error) {
        resolve({ code: 1, error: new Error(`the spans cannot be encoded: ${messageOf(error)}`) })
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
