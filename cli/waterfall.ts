// One cycle as text: what it was, its totals, and a bar per span on a common time axis. Pure.

import type { WaterfallAnswer } from '#api/schemas.ts'
import { CYCLE } from '#model/attributes.ts'
import { formatDuration } from '#model/durations.ts'
import { harmless } from './harmless.ts'
import { count, type Look, tinted } from './output.ts'

type Span = WaterfallAnswer['spans'][number]

/** More rows than this nobody reads in a terminal; --json has them all. */
const MOST_ROWS = 200
const DEFAULT_WIDTH = 100

/** The text for a terminal as wide as the look says, without a line break at the end. */
export function renderWaterfall({ cycle, spans }: WaterfallAnswer, look: Look): string {
  const lines = [
    head(cycle, look),
    `${cycle.startedAt} ${cycle.endedAt === null ? 'until now' : `to ${cycle.endedAt}`}, trace ${cycle.traceId}`,
    ...totals(cycle.attributes),
    ...(cycle.message ? [tinted('red', harmless(cycle.message), look)] : []),
    '',
    ...(spans.length === 0 ? ['no spans of it have arrived yet'] : bars(drawnSpans(cycle, spans), look)),
  ]
  if (spans.length > MOST_ROWS) lines.push(`… and ${spans.length - MOST_ROWS} more spans (--json has them all)`)
  return lines.join('\n')
}

function head({ cycle, durationMs, bucket, outcome, service, version }: WaterfallAnswer['cycle'], look: Look): string {
  const state =
    outcome === 'running'
      ? [tinted('yellow', `running for ${formatDuration(durationMs)}`, look)]
      : [formatDuration(durationMs), bucket.replace('_', ' '), outcome]
  const who = harmless([service, version].filter(Boolean).join(' '))
  return [tinted('bold', harmless(cycle), look), ...state, who].filter(Boolean).join('  ')
}

/** The root of a running cycle arrives last: a bar up to now stands for it, and nothing that hangs on it is astray. */
function drawnSpans({ outcome, cycle, durationMs, service }: WaterfallAnswer['cycle'], spans: Span[]): Span[] {
  const drawn = spans.slice(0, MOST_ROWS)
  if (outcome !== 'running') return drawn
  const root: Span = {
    ...{ spanId: '', depth: 0, parent: 'none', name: cycle, kind: 'running', service, startMs: 0, durationMs },
    ...{ status: 'Unset', message: '', attributes: {}, events: [] },
  }
  return [root, ...drawn.map((span): Span => (span.parent === 'missing' ? { ...span, parent: 'present' } : span))]
}

const TOTALS: [text: string, attribute: string, format: (value: number) => string][] = [
  ['calls', CYCLE.calls, count],
  ['retries', CYCLE.retries, count],
  ['queries', CYCLE.queries, count],
  ['items', CYCLE.items, count],
  ['bytes received', CYCLE.bytesReceived, count],
  ['waited', CYCLE.waitMs, formatDuration],
]

function totals(attributes: Record<string, string>): string[] {
  const known = TOTALS.filter(([, attribute]) => Number.isFinite(Number(attributes[attribute] ?? Number.NaN)))
  if (known.length === 0) return []
  return [known.map(([text, attribute, format]) => `${text} ${format(Number(attributes[attribute]))}`).join(', ')]
}

/** The part of the time axis that is drawn: everything the spans cover. */
type Axis = { from: number; to: number; width: number }

function bars(spans: Span[], look: Look): string[] {
  const labels = spans.map(label)
  const notes = spans.map(note)
  const durations = spans.map(({ durationMs }) => formatDuration(durationMs))
  const room = look.width ?? DEFAULT_WIDTH
  const labelWidth = Math.min(widest(labels), Math.floor(room * 0.35))
  const noteWidth = Math.min(widest(notes), Math.floor(room * 0.25))
  const width = Math.max(10, room - labelWidth - widest(durations) - noteWidth - 6)
  const axis = {
    from: Math.min(...spans.map(({ startMs }) => startMs)),
    to: Math.max(...spans.map(({ startMs, durationMs }) => startMs + durationMs)),
    width,
  }
  return spans.flatMap((span, row) => {
    const drawn = tinted(colourOf(span), bar(span, axis), look)
    const columns = [
      cut(labels[row] ?? '', labelWidth),
      drawn,
      (durations[row] ?? '').padStart(widest(durations)),
      cut(notes[row] ?? '', noteWidth),
    ]
    const line = columns.join('  ').trimEnd()
    // The root's message stands in the head already.
    const hasReason = span.status === 'Error' && span.message !== '' && span.parent !== 'none'
    return hasReason ? [line, failure(span, room, look)] : [line]
  })
}

/** A bar at its place on the axis; at least one mark, however short the span. */
export function bar({ startMs, durationMs }: Pick<Span, 'startMs' | 'durationMs'>, { from, to, width }: Axis): string {
  const scale = to > from ? width / (to - from) : 0
  const left = Math.min(width - 1, Math.floor((startMs - from) * scale))
  const length = Math.max(1, Math.min(width - left, Math.round(durationMs * scale)))
  return `${'·'.repeat(left)}${'█'.repeat(length)}${'·'.repeat(width - left - length)}`
}

/** Why a span failed, on a line of its own: beside the bar there is no room for it. */
function failure({ depth, message }: Span, room: number, look: Look): string {
  const indent = '  '.repeat(Math.min(depth, 12) + 1)
  return tinted('red', `${indent}${cut(harmless(message), room - indent.length).trimEnd()}`, look)
}

function label({ depth, name, parent, attributes }: Span): string {
  const url = URL.parse(attributes['url.full'] ?? '')
  const what = url && name === attributes['http.request.method'] ? `${name} ${url.pathname}` : name
  return `${'  '.repeat(Math.min(depth, 12))}${harmless(what)}${parent === 'missing' ? ' (parent missing)' : ''}`
}

/** What tells one step from another at a glance. */
function note({ kind, attributes }: Span): string {
  const host = attributes['server.address']
  const details =
    kind === 'wait'
      ? [attributes['wait.reason']]
      : [attributes['http.response.status_code'], host, attributes['db.system.name']]
  return harmless([kind, ...details].filter(Boolean).join(' '))
}

function colourOf({ status, kind }: Span): 'red' | 'yellow' | 'cyan' {
  if (status === 'Error') return 'red'
  return kind === 'wait' ? 'yellow' : 'cyan'
}

function widest(texts: string[]): number {
  return Math.max(0, ...texts.map((text) => text.length))
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width)
}
