// Figures in the form that OpenTelemetry's metric exporters take. Pure.

import { ValueType } from '@opentelemetry/api'
import { millisToHrTime } from '@opentelemetry/core'
import type { Resource } from '@opentelemetry/resources'
import { AggregationTemporality, DataPointType } from '@opentelemetry/sdk-metrics'
import type { Figure, Labels } from '#collector/telemetry/figures.ts'
import type { ExportedMetrics } from '#collector/telemetry/wirings.ts'

type Metric = ExportedMetrics['scopeMetrics'][number]['metrics'][number]

/** Cumulative since `from`, so that an export which is lost loses nothing; both times are epoch milliseconds. */
export function exportedMetrics(figures: Figure[], resource: Resource, from: number, to: number): ExportedMetrics {
  const times = { startTime: millisToHrTime(from), endTime: millisToHrTime(to) }
  const metrics = figures.map((figure) => metricOf(figure, times)).filter(({ dataPoints }) => dataPoints.length > 0)
  return { resource, scopeMetrics: [{ scope: { name: 'cyclewatch' }, metrics }] }
}

function metricOf(figure: Figure, times: Pick<Metric['dataPoints'][number], 'startTime' | 'endTime'>): Metric {
  const { name, unit, description } = figure
  const point = <Value>(labels: Labels, value: Value) => ({ ...times, attributes: labels, value })
  const common = {
    descriptor: { name, unit, description, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  }
  if (figure.kind === 'histogram') {
    const { bounds } = figure
    const dataPoints = figure.distributions().map(({ labels, count, sum, min, max, counts }) => {
      const buckets = { boundaries: [...bounds], counts: [...counts] }
      return point(labels, { count, sum, min, max, buckets })
    })
    return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints }
  }
  const dataPoints = figure.values().map(({ labels, value }) => point(labels, value))
  if (figure.kind === 'gauge') return { ...common, dataPointType: DataPointType.GAUGE, dataPoints }
  return { ...common, dataPointType: DataPointType.SUM, isMonotonic: figure.kind === 'counter', dataPoints }
}
