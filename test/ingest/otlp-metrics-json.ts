// The bodies of otlp-metrics.ts as OTLP JSON.

import { keyValuesJson } from '#test/ingest/otlp.ts'
import { envelopeJson } from '#test/ingest/otlp-envelope.ts'
import type {
  Buckets,
  ExemplarText,
  ExponentialPoint,
  HistogramPoint,
  MetricData,
  MetricText,
  NumberPoint,
  SentMetrics,
  SummaryPoint,
} from '#test/ingest/otlp-metrics.ts'

type Json = Record<string, unknown>

export function metricsJson(sent: SentMetrics[]): Buffer {
  const resourceMetrics = sent.map((one) => envelopeJson(one, 'scopeMetrics', { metrics: one.metrics.map(metricJson) }))
  return Buffer.from(JSON.stringify({ resourceMetrics }))
}

/** One metric as a value for JSON.stringify, which leaves out what is undefined. */
function metricJson({ data, ...rest }: MetricText): Json {
  return data === undefined ? rest : { ...rest, [data.kind]: dataJson(data) }
}

function dataJson(data: MetricData): Json {
  switch (data.kind) {
    case 'gauge':
      return { dataPoints: data.points.map(numberPointJson) }
    case 'sum':
      return {
        dataPoints: data.points.map(numberPointJson),
        aggregationTemporality: data.temporality,
        isMonotonic: data.monotonic,
      }
    case 'histogram':
      return { dataPoints: data.points.map(histogramPointJson), aggregationTemporality: data.temporality }
    case 'exponentialHistogram':
      return { dataPoints: data.points.map(exponentialPointJson), aggregationTemporality: data.temporality }
    case 'summary':
      return { dataPoints: data.points.map(summaryPointJson) }
  }
}

function numberPointJson({ value, ...point }: NumberPoint): Json {
  return { ...pointJson(point), ...numericJson(value) }
}

function histogramPointJson({ counts, bounds, ...point }: HistogramPoint): Json {
  return { ...pointJson(point), bucketCounts: counts?.map(String), explicitBounds: bounds?.map(doubleJson) }
}

function exponentialPointJson({ scale, zeroCount, positive, negative, ...point }: ExponentialPoint): Json {
  const { zeroThreshold, ...rest } = point
  return {
    ...pointJson(rest),
    scale,
    zeroCount: textOf(zeroCount),
    positive: positive && bucketsJson(positive),
    negative: negative && bucketsJson(negative),
    zeroThreshold: doubleJson(zeroThreshold),
  }
}

function bucketsJson({ offset, counts }: Buckets): Json {
  return { offset, bucketCounts: counts?.map(String) }
}

function summaryPointJson({ quantiles, ...point }: SummaryPoint): Json {
  const quantileValues = quantiles?.map(({ quantile, value }) => ({
    quantile: doubleJson(quantile),
    value: doubleJson(value),
  }))
  return { ...pointJson(point), quantileValues }
}

/** What points of several kinds have. */
function pointJson(point: Omit<HistogramPoint, 'counts' | 'bounds'>): Json {
  return {
    startTimeUnixNano: textOf(point.startNano),
    timeUnixNano: textOf(point.timeNano),
    attributes: point.attributes && keyValuesJson(point.attributes),
    flags: point.flags,
    count: textOf(point.count),
    sum: doubleJson(point.sum),
    min: doubleJson(point.min),
    max: doubleJson(point.max),
    exemplars: point.exemplars?.map(exemplarJson),
  }
}

function exemplarJson({ timeNano, value, attributes, ...ids }: ExemplarText): Json {
  const filteredAttributes = attributes && keyValuesJson(attributes)
  return { ...ids, timeUnixNano: textOf(timeNano), filteredAttributes, ...numericJson(value) }
}

function numericJson(value: bigint | number | undefined): Json {
  return typeof value === 'bigint' ? { asInt: String(value) } : { asDouble: doubleJson(value) }
}

function doubleJson(value: number | undefined): number | string | undefined {
  return value === undefined || Number.isFinite(value) ? value : String(value)
}

function textOf(value: bigint | undefined): string | undefined {
  return value === undefined ? undefined : String(value)
}
