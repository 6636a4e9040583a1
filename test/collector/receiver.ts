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

export type ReceivedRecord = {
  event: string
  severity: string
  body: unknown
  traceId: string | undefined
  spanId: string | undefined
  timeMs: number
  attributes: Values
  resource: Values
}

/** `points` as they were sent, but for attributes and times. */
export type ReceivedMetric = {
  name: string
  unit: string
  kind: 'sum' | 'gauge' | 'histogram'
  points: (Values & { attributes: Values; startMs: number; timeMs: number })[]
  resource: Values
}

export type Request = { path: string; headers: IncomingMessage['headers']; body: string }

export type Receiver = {
  url: string
  spans: ReceivedSpan[]
  records: ReceivedRecord[]
  /** The last export's come last. */
  metrics: ReceivedMetric[]
  /** Headers and path of every export of spans. */
  requests: Request[]
  /** And of log records and metrics. */
  otherRequests: Request[]
  named(name: string): ReceivedSpan[]
  /** The only span of this name; fails when there is none or more. */
  one(name: string): ReceivedSpan
  close(): Promise<void>
}

/** `answer` decides about the request once its spans are kept; the default stores everything. */
export async function startReceiver(answer: RequestListener = (_, response) => response.end('{}')): Promise<Receiver> {
  const received: Pick<Receiver, 'spans' | 'records' | 'metrics'> = { spans: [], records: [], metrics: [] }
  const { spans } = received
  const requests: Request[] = []
  const otherRequests: Request[] = []
  const server = await serve(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const kept = isOfSpans(request) ? requests : otherRequests
    kept.push({ path: request.url ?? '', headers: request.headers, body })
    if (request.headers['content-type'] === 'application/json') take(received, JSON.parse(body) as OtlpBody)
    answer(request, response)
  })
  const named = (name: string) => spans.filter((span) => span.name === name)
  return {
    url: server.url,
    ...received,
    requests,
    otherRequests,
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

/** Whether this request exports spans, wherever to. */
export function isOfSpans(request: IncomingMessage): boolean {
  return !/\/v1\/(logs|metrics)$/.test(request.url ?? '')
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
type OtlpResource = { resource: { attributes: OtlpAttributes } }
type OtlpRecord = {
  eventName?: string
  severityText: string
  body: OtlpValue
  traceId?: string
  spanId?: string
  timeUnixNano: string
  attributes: OtlpAttributes
}
type OtlpPoint = Values & { attributes: OtlpAttributes; startTimeUnixNano: string; timeUnixNano: string }
type OtlpMetric = { name: string; unit: string } & Record<'sum' | 'gauge' | 'histogram', { dataPoints: OtlpPoint[] }>
type OtlpBody = {
  resourceSpans?: (OtlpResource & { scopeSpans: { spans: OtlpSpan[] }[] })[]
  resourceLogs?: (OtlpResource & { scopeLogs: { logRecords: OtlpRecord[] }[] })[]
  resourceMetrics?: (OtlpResource & { scopeMetrics: { metrics: OtlpMetric[] }[] })[]
}

function take(to: Pick<Receiver, 'spans' | 'records' | 'metrics'>, body: OtlpBody): void {
  for (const { resource, scopeSpans } of body.resourceSpans ?? []) {
    for (const { spans } of scopeSpans)
      to.spans.push(...spans.map((span) => spanOf(span, valuesOf(resource.attributes))))
  }
  for (const { resource, scopeLogs } of body.resourceLogs ?? []) {
    const records = scopeLogs.flatMap(({ logRecords }) => logRecords)
    to.records.push(...records.map((record) => recordOf(record, valuesOf(resource.attributes))))
  }
  for (const { resource, scopeMetrics } of body.resourceMetrics ?? []) {
    const metrics = scopeMetrics.flatMap((scoped) => scoped.metrics)
    to.metrics.push(...metrics.map((metric) => metricOf(metric, valuesOf(resource.attributes))))
  }
}

function recordOf(record: OtlpRecord, resource: Values): ReceivedRecord {
  const { eventName = '', severityText: severity, traceId, spanId, timeUnixNano, attributes } = record
  const timeMs = Number(timeUnixNano) / 1e6
  const own = { event: eventName, severity, body: plain(record.body), attributes: valuesOf(attributes) }
  return { ...own, traceId, spanId, timeMs, resource }
}

function metricOf(metric: OtlpMetric, resource: Values): ReceivedMetric {
  const kind = (['sum', 'gauge', 'histogram'] as const).find((each) => metric[each])
  if (!kind) throw new Error(`metric ${metric.name} is of no known kind`)
  const points = metric[kind].dataPoints.map(({ attributes, startTimeUnixNano, timeUnixNano, ...values }) => ({
    ...values,
    attributes: valuesOf(attributes),
    startMs: Number(startTimeUnixNano) / 1e6,
    timeMs: Number(timeUnixNano) / 1e6,
  }))
  return { name: metric.name, unit: metric.unit, kind, points, resource }
}

function spanOf(span: OtlpSpan, resource: Values): ReceivedSpan {
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
