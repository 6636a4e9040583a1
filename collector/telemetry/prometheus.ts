// The same metrics in a registry of prom-client, by Prometheus' names: `cycle.duration` in seconds is
// cycle_duration_seconds, as OpenTelemetry's rules for Prometheus have it.

import type { MetricObjectWithValues, MetricValue, Registry } from 'prom-client'
import type { Distribution, Figure, Labels } from '#collector/telemetry/figures.ts'
import { observedFigures, onObserved } from '#collector/telemetry/observed.ts'
import { BadInput, messageOf } from '#model/errors.ts'

/** Of a histogram, each line has a name of its own. */
type Values = (MetricValue<string> & { metricName?: string })[]
type Taken = MetricObjectWithValues<MetricValue<string>>
/** What a registry uses of a metric. */
type Metric = Omit<Taken, 'values'> & { get(): Promise<Taken>; reset(): void }

const UNITS: Record<string, string> = { s: '_seconds', By: '_bytes' }

/**
 * Puts the figures and all that job code has observed, now or later, into the registry; returns what takes them out.
 * Throws BadInput when the registry has other metrics by these names.
 */
export function putIntoRegistry(registry: Registry, figures: Figure[]): () => void {
  const names: string[] = []
  const put = (figure: Figure) => {
    const metric = metricOf(figure)
    registry.removeSingleMetric(names.includes(metric.name) ? metric.name : '')
    registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0])
    names.push(metric.name)
  }
  const takeOut = () => {
    for (const name of names) registry.removeSingleMetric(name)
  }
  try {
    for (const figure of [...figures, ...observedFigures()]) put(figure)
  } catch (error) {
    takeOut()
    throw new BadInput(`startTelemetry cannot use metrics.registry: ${messageOf(error)}`, { cause: error })
  }
  const stop = onObserved(put)
  return () => {
    stop()
    takeOut()
  }
}

/** `process.cpu.utilization` in `1` is process_cpu_utilization_ratio, a counter ends in _total. */
export function prometheusName({ name, unit, kind }: Pick<Figure, 'name' | 'unit' | 'kind'>): string {
  const suffix = UNITS[unit] ?? (unit === '1' && kind === 'gauge' ? '_ratio' : '')
  const base = name.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^(?=\d)/, '_')
  return `${base}${base.endsWith(suffix) ? '' : suffix}${kind === 'counter' ? '_total' : ''}`
}

function metricOf(figure: Figure): Metric {
  const name = prometheusName(figure)
  const type = figure.kind === 'updown' ? 'gauge' : figure.kind
  const about = { name, help: figure.description || figure.name, type, aggregator: 'sum' } as unknown as Omit<
    Taken,
    'values'
  >
  return { ...about, get: async () => ({ ...about, values: valuesOf(figure, name) }), reset() {} }
}

function valuesOf(figure: Figure, name: string): Values {
  if (figure.kind !== 'histogram') {
    return figure.values().map(({ labels, value }) => ({ labels: labelsOf(labels), value }))
  }
  const { bounds } = figure
  return figure.distributions().flatMap((one) => bucketsOf(one, bounds, name))
}

/** Each bucket counts all that is not above its bound. */
function bucketsOf({ labels, counts, count, sum }: Distribution, bounds: readonly number[], name: string): Values {
  const own = labelsOf(labels)
  let below = 0
  const buckets = counts.map((inBucket, index) => {
    below += inBucket
    return { metricName: `${name}_bucket`, labels: { ...own, le: bounds[index] ?? '+Inf' }, value: below }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: own, value: sum },
    { metricName: `${name}_count`, labels: own, value: count },
  ]
}

function labelsOf(labels: Labels): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(labels).map(([key, value]) => [key.replace(/[^a-zA-Z0-9_]/g, '_'), String(value)]),
  )
}
