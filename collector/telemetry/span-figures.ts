// The metrics that follow from spans: how many cycles run, how long cycles and requests took. Counted where every span
// passes, so whoever makes spans by the conventions is counted, and no step does anything for it.

import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { createHistogram, createUpDown, type Figure, type Labels } from '#collector/telemetry/figures.ts'
import type { ExportedSpan } from '#collector/telemetry/wirings.ts'
import { CYCLE } from '#model/attributes.ts'

/** The bounds of the buckets: finer ones would say less than the spans do, which keep every duration exactly. */
const CYCLE_BOUNDS = [20, 30, 60]
/** As the semantic conventions advise. */
const REQUEST_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

const REQUEST_LABELS = [
  'http.request.method',
  'server.address',
  'server.port',
  'http.response.status_code',
  'error.type',
  'url.template',
] as const

/** As much of a span as is there when it starts. */
export type StartedSpan = Pick<ExportedSpan, 'name' | 'attributes' | 'parentSpanContext'>

export type SpanFigures = {
  figures: Figure[]
  began(span: StartedSpan): void
  ended(span: ExportedSpan): void
  /** How often anything changed. */
  changes(): number
}

export function createSpanFigures(): SpanFigures {
  const active = createUpDown({ name: 'cycle.active', unit: '{cycle}', description: 'Cycles that run.' })
  const cycles = createHistogram(
    { name: 'cycle.duration', unit: 's', description: 'How long cycles took.' },
    CYCLE_BOUNDS,
  )
  const requests = createHistogram(
    { name: 'http.client.request.duration', unit: 's', description: 'How long request attempts took.' },
    REQUEST_BOUNDS,
  )
  let changes = 0
  return {
    figures: [active, cycles, requests],
    changes: () => changes,
    began(span) {
      const name = cycleOf(span)
      if (name === undefined) return
      changes += 1
      active.add(1, { [CYCLE.name]: name })
    },
    ended(span) {
      if (isRequest(span)) requests.record(secondsOf(span), requestLabels(span))
      const name = cycleOf(span)
      if (name === undefined) return
      changes += 1
      active.add(-1, { [CYCLE.name]: name })
      cycles.record(secondsOf(span), { [CYCLE.name]: name, [CYCLE.outcome]: outcomeOf(span) })
    },
  }
}

/** The name of the cycle that this is the root of. */
export function cycleOf({ parentSpanContext, attributes }: StartedSpan): string | undefined {
  if (parentSpanContext) return undefined
  const name = attributes[CYCLE.name]
  return typeof name === 'string' && name !== '' ? name : undefined
}

function outcomeOf({ attributes, status }: ExportedSpan): string {
  return String(attributes[CYCLE.outcome] ?? (status.code === SpanStatusCode.ERROR ? 'failed' : 'ok'))
}

function isRequest({ kind, attributes }: ExportedSpan): boolean {
  return kind === SpanKind.CLIENT && attributes['http.request.method'] !== undefined
}

function requestLabels({ attributes }: ExportedSpan): Labels {
  const labels: Record<string, string | number> = {}
  for (const name of REQUEST_LABELS) {
    const value = attributes[name]
    if (typeof value === 'string' || typeof value === 'number') labels[name] = value
  }
  return labels
}

function secondsOf({ duration: [seconds, nanos] }: ExportedSpan): number {
  return seconds + nanos / 1e9
}
