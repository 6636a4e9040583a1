// One request attempt of a cycle: sent, timed, counted, and told as one span. Never retries; a retry is another attempt.

import { type Attributes, defaultTextMapSetter, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { enter, leave } from '#collector/concurrency.ts'
import { errorType, recordFault } from '#collector/faults.ts'
import { decode, isEncoded } from '#collector/fetch/decode.ts'
import { type Exchange, exchange, type WireHeaders } from '#collector/fetch/exchange.ts'
import { type Limits, tooLarge } from '#collector/fetch/limits.ts'
import { brokenBody, lostAnswer, type NetworkError } from '#collector/fetch/network-errors.ts'
import { phasesOf } from '#collector/fetch/phases.ts'
import type { Asked } from '#collector/fetch/requests.ts'
import { type Ongoing, type Place, placeIn } from '#collector/ongoing.ts'
import { redact } from '#collector/redact.ts'
import { sampleUsage } from '#collector/usage.ts'
import { CYCLE, PHASES, type Phase, phaseAttribute, STEP } from '#model/attributes.ts'

const PHASE_ATTRIBUTE = Object.fromEntries(PHASES.map((phase) => [phase, phaseAttribute(phase)])) as Record<
  Phase,
  string
>

export type Answer = { status: number; headers: WireHeaders; body: Buffer }

/**
 * How an attempt ended. `error` is what to throw; `sent` says whether the server may have seen the request. Milliseconds
 * count from the moment it was sent.
 */
export type Ending =
  | { state: 'answered'; answer: Answer; firstByteMs: number; tookMs: number }
  | { state: 'lost'; error: NetworkError; sent: boolean; tookMs: number }
  | { state: 'aborted'; error: unknown }

/** `resend` is how many attempts of the same call came before, redirect hops among them. */
export type Sending = {
  resend: number
  limits: Limits
  /** Whether the host may know the trace: it gets a `traceparent`. */
  propagate: boolean
}

/** Sends once, and says how that ended. */
export async function attempt(ongoing: Ongoing, asked: Asked, sending: Sending): Promise<Ending> {
  const place = placeIn(ongoing)
  const node = enter(ongoing.gauge, place.node, performance.now())
  const span = sending.propagate ? begin(ongoing, place, asked, sending.resend) : null
  const exchanged = await exchange(span ? withParent(asked, span, place) : asked, sending.limits)
  const ending = await endingOf(asked, exchanged, sending.limits)
  const { totals, gauge, usage } = ongoing
  const at = performance.now()
  leave(gauge, node, at)
  sampleUsage(usage, at)
  totals.calls += 1
  totals.bytesReceived += exchanged.receivedBytes
  if (exchanged.timeline.sentAt !== undefined) totals.bytesSent += asked.body?.byteLength ?? 0
  tell(ongoing, place, asked, sending.resend, exchanged, ending, span)
  return ending
}

async function endingOf(asked: Asked, exchanged: Exchange, limits: Limits): Promise<Ending> {
  if (exchanged.state === 'aborted') return { state: 'aborted', error: exchanged.error }
  const { calledAt, sentAt = calledAt, headersAt = sentAt, endedAt } = exchanged.timeline
  const tookMs = endedAt - sentAt
  const lost = (error: NetworkError): Ending => {
    return { state: 'lost', error, sent: exchanged.timeline.sentAt !== undefined, tookMs }
  }
  if (exchanged.state === 'lost') return lost(lostAnswer(asked, exchanged.error))
  const { status, headers, body } = exchanged
  const answered = (plain: Buffer): Ending => {
    return { state: 'answered', answer: { status, headers, body: plain }, firstByteMs: headersAt - sentAt, tookMs }
  }
  const encoding = headers['content-encoding']
  if (typeof encoding !== 'string' || !isEncoded(encoding, body)) return answered(body)
  try {
    return answered(await decode(encoding, body, limits.maxBytes))
  } catch (error) {
    const isTooLarge = (error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE'
    return lost(isTooLarge ? lostAnswer(asked, tooLarge(limits)) : brokenBody(asked, error))
  }
}

/** Begun before it is sent, for the answering side to hang on. */
function begin(ongoing: Ongoing, place: Place, asked: Asked, resend: number): Span {
  const startTime = performance.now() + ongoing.epochOffset
  const attributes = requestAttributes(ongoing.name, asked, resend)
  return ongoing.tracer.startSpan(nameOf(asked), { kind: SpanKind.CLIENT, startTime, attributes }, place.context)
}

function withParent(asked: Asked, span: Span, { context }: Place): Asked {
  const carrier: Record<string, string> = {}
  new W3CTraceContextPropagator().inject(trace.setSpan(context, span), carrier, defaultTextMapSetter)
  return { ...asked, headers: [...asked.headers, ...Object.entries(carrier).flat()] }
}

/** Unless it had to be begun, the span is made when all is known: one call with all attributes is the cheapest way. */
function tell(
  ongoing: Ongoing,
  place: Place,
  asked: Asked,
  resend: number,
  exchanged: Exchange,
  ending: Ending,
  begun: Span | null,
): void {
  const { tracer, epochOffset } = ongoing
  const { timeline } = exchanged
  const attributes = begun ? {} : requestAttributes(ongoing.name, asked, resend)
  addAnswer(attributes, exchanged, ending)
  const startTime = timeline.calledAt + epochOffset
  const options = { kind: SpanKind.CLIENT, startTime, attributes }
  const span = begun?.setAttributes(attributes) ?? tracer.startSpan(nameOf(asked), options, place.context)
  if (ending.state !== 'answered') recordFault(span, ending.error)
  else if (ending.answer.status >= 400) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end(timeline.endedAt + epochOffset)
}

function nameOf({ method, template }: Asked): string {
  return template ? `${method} ${template}` : method
}

function requestAttributes(cycle: string, { url, method, template, body }: Asked, resend: number): Attributes {
  const attributes: Attributes = {
    [CYCLE.name]: cycle,
    [STEP.kind]: 'fetch',
    'http.request.method': method,
    'url.full': redact(url.href),
    'server.address': url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
    'server.port': url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
  }
  if (template) attributes['url.template'] = template
  if (resend > 0) attributes['http.request.resend_count'] = resend
  if (body) attributes['http.request.body.size'] = body.byteLength
  return attributes
}

function addAnswer(attributes: Attributes, exchanged: Exchange, ending: Ending): void {
  const { connection, status, timeline, receivedBytes } = exchanged
  if (connection) attributes['network.connection.reused'] = connection.reused
  if (status !== undefined) {
    attributes['http.response.status_code'] = status
    attributes['network.protocol.version'] = '1.1'
    attributes['http.response.body.size'] = receivedBytes
  }
  if (ending.state !== 'answered') attributes['error.type'] = errorType(ending.error)
  else {
    const { answer } = ending
    if (answer.status >= 400) attributes['error.type'] = String(answer.status)
    if (answer.body.byteLength !== receivedBytes) attributes['http.response.decoded_body.size'] = answer.body.byteLength
  }
  const phases = phasesOf(timeline)
  for (const phase in phases) attributes[PHASE_ATTRIBUTE[phase as Phase]] = phases[phase as Phase]
}
