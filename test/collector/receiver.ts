// A real OTLP/HTTP receiver for tests: keeps what it was sent, in a form that is easy to compare.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

type Values = Record<string, unknown>

export type ReceivedSpan = {
  name: string
  traceId: string
  spanId: string
  parentSpanId: string | undefined
  kind: number
  startMs: number
  durationMs: number
  /** 0 unset, 1 ok, 2 error. */
  status: { code: number; message?: string }
  attributes: Values
  events: { name: string; attributes: Values }[]
  links: { traceId: string; spanId: string }[]
  resource: Values
}

export type Receiver = {
  url: string
  spans: ReceivedSpan[]
  /** Headers and path of every export. */
  requests: { path: string; headers: IncomingMessage['headers']; body: string }[]
  named(name: string): ReceivedSpan[]
  /** The only span of this name; fails when there is none or more. */
  one(name: string): ReceivedSpan
  close(): Promise<void>
}

/** `answer` decides about the request once its spans are kept; the default stores everything. */
export async function startReceiver(answer: RequestListener = (_, response) => response.end('{}')): Promise<Receiver> {
  const spans: ReceivedSpan[] = []
  const requests: Receiver['requests'] = []
  const server = await serve(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    requests.push({ path: request.url ?? '', headers: request.headers, body })
    if (request.headers['content-type'] === 'application/json') spans.push(...parse(body))
    answer(request, response)
  })
  const named = (name: string) => spans.filter((span) => span.name === name)
  return {
    url: server.url,
    spans,
    requests,
    named,
    one(name) {
      const [span, ...others] = named(name)
      if (!span || others.length > 0) {
        throw new Error(
          `${others.length + (span ? 1 : 0)} spans named '${name}' among ${spans.map((each) => each.name).join(', ')}`,
        )
      }
      return span
    },
    close: server.close,
  }
}

/** A server on a free port of loopback. */
export async function serve(
  listener: RequestListener,
): Promise<{ url: string; close: () => Promise<void>; server: Server }> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** An address on loopback where nothing listens. */
export async function deadUrl(): Promise<string> {
  const { url, close } = await serve(() => {})
  await close()
  return url
}

type OtlpValue = { arrayValue?: { values: OtlpValue[] } } & Values
type OtlpAttributes = { key: string; value: OtlpValue }[]
type OtlpSpan = Pick<ReceivedSpan, 'name' | 'traceId' | 'spanId' | 'kind' | 'status' | 'links'> & {
  parentSpanId?: string
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes: OtlpAttributes
  events: { name: string; attributes: OtlpAttributes }[]
}
type OtlpTraces = { resourceSpans: { resource: { attributes: OtlpAttributes }; scopeSpans: { spans: OtlpSpan[] }[] }[] }

function parse(body: string): ReceivedSpan[] {
  const { resourceSpans } = JSON.parse(body) as OtlpTraces
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map((span) => received(span, valuesOf(resource.attributes)))),
  )
}

function received(span: OtlpSpan, resource: Values): ReceivedSpan {
  const { name, traceId, spanId, parentSpanId, kind, status, links } = span
  const startMs = Number(span.startTimeUnixNano) / 1e6
  return {
    name,
    traceId,
    spanId,
    parentSpanId,
    kind,
    startMs,
    durationMs: Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6,
    status,
    attributes: valuesOf(span.attributes),
    events: span.events.map((event) => ({ name: event.name, attributes: valuesOf(event.attributes) })),
    links: links.map((link) => ({ traceId: link.traceId, spanId: link.spanId })),
    resource,
  }
}

function valuesOf(attributes: OtlpAttributes): Values {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]))
}

function plain(value: OtlpValue): unknown {
  return value.arrayValue ? value.arrayValue.values.map(plain) : Object.values(value)[0]
}
