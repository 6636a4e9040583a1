// What was logged and measured next to a cycle, as tables. Pure.

import type { LogsAnswer, MetricsAnswer } from '#api/schemas.ts'
import { formatDuration } from '#model/durations.ts'
import { formatSize } from '#model/sizes.ts'
import { type Column, count, type Look, table, tinted } from './output.ts'

type LogRecord = LogsAnswer['items'][number]
type Metric = MetricsAnswer['items'][number]
type Values = Extract<Metric, { min: unknown }>

export function renderLogs({ items, truncated }: LogsAnswer, look: Look): string {
  if (items.length === 0) {
    return 'no log records: none has its trace id, and its service wrote none without one in its time'
  }
  const lines = [table(items, LOG_COLUMNS, look)]
  if (items.some(({ related }) => related === 'time')) {
    lines.push(note('by time: written by its service in its time, without a trace id', look))
  }
  if (truncated) lines.push(note(more('records', 'logs'), look))
  return lines.join('\n')
}

function more(what: string, path: string): string {
  return `there are more ${what}: /api/cycles/TRACE_ID/${path}?limit=10000`
}

const LOG_COLUMNS: Column<LogRecord>[] = [
  { title: 'at', cell: ({ atMs }) => offset(atMs), right: true },
  { title: 'by', cell: ({ related }) => related },
  { title: 'severity', cell: ({ severity }) => severity || null },
  { title: 'record', cell: said, cut: true },
]

/** Since the start of the cycle; negative where clocks disagree. */
function offset(ms: number): string {
  return `${ms < 0 ? '-' : '+'}${formatDuration(Math.abs(ms))}`
}

/** Events have a name and often no body; then what they carry says more. */
function said({ event, body, attributes }: LogRecord): string {
  const carried = Object.entries(attributes).filter(([key]) => key !== 'event.name')
  return [event || attributes['event.name'], body || pairs(carried)].filter(Boolean).join('  ')
}

function pairs(attributes: [string, string][]): string {
  return attributes.map(([key, value]) => `${key}=${value}`).join(' ')
}

export function renderMetrics({ items, truncated }: MetricsAnswer, look: Look): string {
  if (items.length === 0) return 'no metrics: its service measured nothing in its time, nor a minute before or after'
  const lines = [table(items, metricColumns(items, look), look)]
  if (items.some(({ during }) => !during)) {
    lines.push(note('near: of the minute before and after; none fell into the time of the cycle', look))
  }
  if (truncated) lines.push(note(more('series', 'metrics'), look))
  return lines.join('\n')
}

function metricColumns(items: Metric[], look: Look): Column<Metric>[] {
  const varying = varyingKeys(items)
  const near = items.some(({ during }) => !during)
  const room = look.width === null ? Number.POSITIVE_INFINITY : Math.floor(look.width / 4)
  const value = (title: string, drop: object, pick: (values: Values) => number | null): Column<Metric> => ({
    title,
    ...drop,
    right: true,
    // Since when a counter counts is not the cycle's business; by how much it grew is.
    cell: (metric) => ('min' in metric && metric.increase === null ? measured(pick(metric), metric.unit) : null),
  })
  return [
    { title: 'metric', cell: ({ name }) => name, cut: true },
    { title: 'attributes', cell: (metric) => clipped(described(metric, varying), room) || null, cut: true },
    {
      title: 'points',
      cell: ({ points, during }) => `${count(points)}${during ? '' : ' near'}`,
      right: true,
      ...(near ? {} : { drop: 3 }),
    },
    value('min', { drop: 1 }, ({ min }) => min),
    { ...value('mean', {}, ({ mean }) => mean), cell: meanOf },
    value('max', {}, ({ max }) => max),
    value('last', { drop: 2 }, ({ last }) => last),
    { title: 'grew by', cell: growth, right: true },
  ]
}

/** By metric, the attributes that tell its series apart. */
function varyingKeys(items: Metric[]): Map<string, Set<string>> {
  const byName = Map.groupBy(items, ({ name }) => name)
  return new Map(
    [...byName].map(([name, series]) => {
      const keys = new Set(series.flatMap(({ attributes }) => Object.keys(attributes)))
      return [name, new Set([...keys].filter((key) => varies(series, key)))]
    }),
  )
}

function varies(series: Metric[], key: string): boolean {
  return new Set(series.map(({ attributes }) => attributes[key])).size > 1
}

/** What tells it apart first: the rest may be cut. */
function described({ name, attributes }: Metric, varying: Map<string, Set<string>>): string {
  const [own, common] = [true, false].map((which) =>
    Object.entries(attributes).filter(([key]) => (varying.get(name)?.has(key) ?? false) === which),
  )
  return pairs([...(own ?? []), ...(common ?? [])])
}

function clipped(text: string, room: number): string {
  return text.length > room ? `${text.slice(0, room - 1)}…` : text
}

function meanOf(metric: Metric): string | null {
  if ('mean' in metric) return metric.increase === null ? measured(metric.mean, metric.unit) : null
  const { count: counted, sum, unit } = metric
  return counted !== null && counted > 0 && sum !== null ? measured(sum / counted, unit) : null
}

function growth(metric: Metric): string | null {
  if ('increase' in metric) return measured(metric.increase, metric.unit)
  return metric.count === null ? null : `${count(metric.count)} values`
}

const DURATIONS: Record<string, number> = { ns: 1e-6, us: 1e-3, ms: 1, s: 1_000, min: 60_000, h: 3_600_000 }

/** A figure with its unit as a person writes it. Units are UCUM codes: `By`, `s`, `1`, and `{request}` for what is counted. */
function measured(value: number | null, unit: string): string | null {
  if (value === null) return null
  const scale = Object.hasOwn(DURATIONS, unit) ? DURATIONS[unit] : undefined
  if (scale !== undefined) return `${value < 0 ? '-' : ''}${formatDuration(Math.abs(value) * scale)}`
  if (unit === 'By') return `${value < 0 ? '-' : ''}${formatSize(Math.abs(value))}`
  const named = unit === '1' || unit === '' || unit.startsWith('{') ? '' : ` ${unit}`
  return `${figure(value)}${named}`
}

/** Three significant digits, or all of a whole number. */
function figure(value: number): string {
  return Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(3)))
}

function note(text: string, look: Look): string {
  return tinted('dim', text, look)
}
