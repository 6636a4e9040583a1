// One request attempt of a cycle: sent, timed, counted, and told as one span. Never retries; a retry is another attempt.

import { type Attributes, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { CYCLE, PHASES, type Phase, phaseAttribute, STEP } from '#model/attributes.ts'
import { enter, leave } from './concurrency.ts'
import { decode, isEncoded } from './decode.ts'
import { type Exchange, exchange, type WireHeaders } from './exchange.ts'
import { errorType, recordFault } from './faults.ts'
import { brokenBody, lostAnswer } from './network-errors.ts'
import { type Ongoing, type Place, placeIn } from './ongoing.ts'
import { phasesOf } from './phases.ts'
import { redact } from './redact.ts'
import type { Asked } from './requests.ts'
import { sampleUsage } from './usage.ts'

const PHASE_ATTRIBUTE = Object.fromEntries(PHASES.map((phase) => [phase, phaseAttribute(phase)])) as Record<
  Phase,
  string
>

export type Answer = { status: number; headers: WireHeaders; body: Buffer }

/** How an attempt ended: `error` is what to throw, `status` of a failed one is there when the head had arrived. */
type Ending = { state: 'answered'; answer: Answer } | { state: 'failed'; error: unknown }

/**
 * Sends once. `resend` is how many attempts of the same call came before, redirect hops among them.
 * Throws a NetworkError when no whole answer came, and the signal's reason when that ended it.
 */
export async function attempt(ongoing: Ongoing, asked: Asked, resend: number): Promise<Answer> {
  const place = placeIn(ongoing)
  const node = enter(ongoing.gauge, place.node, performance.now())
  const exchanged = await exchange(asked)
  const ending = await read(asked, exchanged)
  const { totals, gauge, usage } = ongoing
  const at = performance.now()
  leave(gauge, node, at)
  sampleUsage(usage, at)
  totals.calls += 1
  totals.bytesReceived += exchanged.receivedBytes
  if (exchanged.timeline.sentAt !== undefined) totals.bytesSent += asked.body?.byteLength ?? 0
  tell(ongoing, place, asked, resend, exchanged, ending)
  if (ending.state === 'failed') throw ending.error
  return ending.answer
}

async function read(asked: Asked, exchanged: Exchange): Promise<Ending> {
  if (exchanged.state === 'aborted') return { state: 'failed', error: exchanged.error }
  if (exchanged.state === 'lost') return { state: 'failed', error: lostAnswer(asked, exchanged.error) }
  const { status, headers, body } = exchanged
  const encoding = headers['content-encoding']
  if (typeof encoding !== 'string' || !isEncoded(encoding, body)) {
    return { state: 'answered', answer: { status, headers, body } }
  }
  try {
    return { state: 'answered', answer: { status, headers, body: await decode(encoding, body) } }
  } catch (error) {
    return { state: 'failed', error: brokenBody(asked, error) }
  }
}

/** The span is made when all is known: one call with all attributes is the cheapest way, and it has no children. */
function tell(ongoing: Ongoing, place: Place, asked: Asked, resend: number, exchanged: Exchange, ending: Ending): void {
  const { tracer, epochOffset } = ongoing
  const { timeline } = exchanged
  const name = asked.template ? `${asked.method} ${asked.template}` : asked.method
  const attributes = requestAttributes(ongoing.name, asked, resend)
  addAnswer(attributes, exchanged, ending)
  const startTime = timeline.calledAt + epochOffset
  const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, startTime, attributes }, place.context)
  if (ending.state === 'failed') recordFault(span, ending.error)
  else if (ending.answer.status >= 400) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end(timeline.endedAt + epochOffset)
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
  if (ending.state === 'failed') attributes['error.type'] = errorType(ending.error)
  else {
    const { answer } = ending
    if (answer.status >= 400) attributes['error.type'] = String(answer.status)
    if (answer.body.byteLength !== receivedBytes) attributes['http.response.decoded_body.size'] = answer.body.byteLength
  }
  const phases = phasesOf(timeline)
  for (const phase in phases) attributes[PHASE_ATTRIBUTE[phase as Phase]] = phases[phase as Phase]
}
