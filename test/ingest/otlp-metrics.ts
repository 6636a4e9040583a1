// Bodies of POST /v1/metrics for tests: the description of one, and its protobuf (its JSON is in otlp-metrics-json.ts).

import { type Attributes, bytes, double, fixed64, keyValues, number, START, some, varint } from '#test/ingest/otlp.ts'
import { type EnvelopeText, envelope } from '#test/ingest/otlp-envelope.ts'

/** Of a data point or an exemplar: bigint is an integer, number a double, undefined no value at all. */
type Numeric = bigint | number

export type ExemplarText = {
  timeNano?: bigint
  value?: Numeric
  traceId?: string
  spanId?: string
  attributes?: Attributes
}
type AnyPoint = {
  startNano?: bigint
  timeNano?: bigint
  attributes?: Attributes
  flags?: number
}
type Extremes = { sum?: number; min?: number; max?: number; exemplars?: ExemplarText[] }
export type Buckets = { offset?: number; counts?: bigint[] }
export type NumberPoint = AnyPoint & { value?: Numeric; exemplars?: ExemplarText[] }
export type HistogramPoint = AnyPoint & Extremes & { count?: bigint; counts?: bigint[]; bounds?: number[] }
export type ExponentialPoint = AnyPoint &
  Extremes & {
    count?: bigint
    scale?: number
    zeroCount?: bigint
    positive?: Buckets
    negative?: Buckets
    zeroThreshold?: number
  }
export type SummaryPoint = AnyPoint & {
  count?: bigint
  sum?: number
  quantiles?: { quantile: number; value: number }[]
}

/** `temporality`: 1 is delta, 2 cumulative. */
export type MetricData =
  | { kind: 'gauge'; points: NumberPoint[] }
  | { kind: 'sum'; points: NumberPoint[]; temporality?: number; monotonic?: boolean }
  | { kind: 'histogram'; points: HistogramPoint[]; temporality?: number }
  | { kind: 'exponentialHistogram'; points: ExponentialPoint[]; temporality?: number }
  | { kind: 'summary'; points: SummaryPoint[] }
export type MetricText = { name?: string; description?: string; unit?: string; data?: MetricData }
export type SentMetrics = EnvelopeText & { metrics: MetricText[] }

/** A gauge of one point, with what the test wants to be different. */
export function metric(different: MetricText = {}): MetricText {
  return { name: 'process.memory.usage', unit: 'By', data: { kind: 'gauge', points: [point()] }, ...different }
}

/** A point of a gauge or a sum, with what the test wants to be different. */
export function point(different: NumberPoint = {}): NumberPoint {
  return { startNano: START, timeNano: START + 10_000_000_000n, value: 1.5, ...different }
}

/** Repeated numbers in one field, as every sender writes them. */
export function packed<Item>(field: number, items: Item[], item: (value: Item) => Buffer): Buffer {
  return bytes(field, ...items.map(item))
}

/** The content of one double or fixed64 of a packed field. */
export const double64 = (value: number): Buffer => double(1, value).subarray(1)
export const uint64 = (value: bigint): Buffer => fixed64(1, value).subarray(1)

/** A field of a signed number that is written small when it is near zero: 0, -1, 1, -2, … */
export function zigzag(field: number, value: number): Buffer {
  return number(field, value < 0 ? -2 * value - 1 : 2 * value)
}

/** The request as protobuf, fields in the order of the schema. */
export function metrics(sent: SentMetrics[]): Buffer {
  return Buffer.concat(
    sent.map((one) =>
      envelope(
        one,
        one.metrics.map((metric) => bytes(2, ...metricFields(metric))),
      ),
    ),
  )
}

/** The fields of one Metric. */
function metricFields({ name, description, unit, data }: MetricText): Buffer[] {
  return [
    ...some(name, (text) => bytes(1, text)),
    ...some(description, (text) => bytes(2, text)),
    ...some(unit, (text) => bytes(3, text)),
    ...some(data, dataField),
  ]
}

function dataField(data: MetricData): Buffer {
  switch (data.kind) {
    case 'gauge':
      return bytes(5, ...data.points.map((one) => bytes(1, ...numberPointFields(one))))
    case 'sum':
      return bytes(
        7,
        ...data.points.map((one) => bytes(1, ...numberPointFields(one))),
        ...some(data.temporality, (code) => number(2, code)),
        ...some(data.monotonic, (monotonic) => number(3, monotonic ? 1 : 0)),
      )
    case 'histogram':
      return bytes(
        9,
        ...data.points.map((one) => bytes(1, ...histogramPointFields(one))),
        ...some(data.temporality, (code) => number(2, code)),
      )
    case 'exponentialHistogram':
      return bytes(
        10,
        ...data.points.map((one) => bytes(1, ...exponentialPointFields(one))),
        ...some(data.temporality, (code) => number(2, code)),
      )
    case 'summary':
      return bytes(11, ...data.points.map((one) => bytes(1, ...summaryPointFields(one))))
  }
}

function times({ startNano, timeNano }: AnyPoint, field: number): Buffer[] {
  return [...some(startNano, (nano) => fixed64(field, nano)), ...some(timeNano, (nano) => fixed64(field + 1, nano))]
}

function numeric(value: Numeric | undefined, asDouble: number, asInt: number): Buffer[] {
  return some(value, (given) =>
    typeof given === 'number' ? double(asDouble, given) : fixed64(asInt, BigInt.asUintN(64, given)),
  )
}

/** The fields of one NumberDataPoint. */
export function numberPointFields(one: NumberPoint): Buffer[] {
  return [
    ...times(one, 2),
    ...numeric(one.value, 4, 6),
    ...(one.exemplars ?? []).map((exemplar) => bytes(5, ...exemplarFields(exemplar))),
    ...keyValues(7, one.attributes),
    ...some(one.flags, (flags) => number(8, flags)),
  ]
}

/** The fields of one HistogramDataPoint. */
function histogramPointFields(one: HistogramPoint): Buffer[] {
  return [
    ...times(one, 2),
    ...some(one.count, (count) => fixed64(4, count)),
    ...some(one.sum, (sum) => double(5, sum)),
    ...some(one.counts, (counts) => packed(6, counts, uint64)),
    ...some(one.bounds, (bounds) => packed(7, bounds, double64)),
    ...(one.exemplars ?? []).map((exemplar) => bytes(8, ...exemplarFields(exemplar))),
    ...keyValues(9, one.attributes),
    ...some(one.flags, (flags) => number(10, flags)),
    ...some(one.min, (min) => double(11, min)),
    ...some(one.max, (max) => double(12, max)),
  ]
}

/** The fields of one ExponentialHistogramDataPoint. */
function exponentialPointFields(one: ExponentialPoint): Buffer[] {
  return [
    ...keyValues(1, one.attributes),
    ...times(one, 2),
    ...some(one.count, (count) => fixed64(4, count)),
    ...some(one.sum, (sum) => double(5, sum)),
    ...some(one.scale, (scale) => zigzag(6, scale)),
    ...some(one.zeroCount, (count) => fixed64(7, count)),
    ...some(one.positive, (buckets) => bytes(8, ...bucketFields(buckets))),
    ...some(one.negative, (buckets) => bytes(9, ...bucketFields(buckets))),
    ...some(one.flags, (flags) => number(10, flags)),
    ...(one.exemplars ?? []).map((exemplar) => bytes(11, ...exemplarFields(exemplar))),
    ...some(one.min, (min) => double(12, min)),
    ...some(one.max, (max) => double(13, max)),
    ...some(one.zeroThreshold, (threshold) => double(14, threshold)),
  ]
}

function bucketFields({ offset, counts }: Buckets): Buffer[] {
  return [...some(offset, (given) => zigzag(1, given)), ...some(counts, (given) => packed(2, given, varint))]
}

/** The fields of one SummaryDataPoint. */
function summaryPointFields(one: SummaryPoint): Buffer[] {
  return [
    ...times(one, 2),
    ...some(one.count, (count) => fixed64(4, count)),
    ...some(one.sum, (sum) => double(5, sum)),
    ...(one.quantiles ?? []).map(({ quantile, value }) => bytes(6, double(1, quantile), double(2, value))),
    ...keyValues(7, one.attributes),
    ...some(one.flags, (flags) => number(8, flags)),
  ]
}

/** The fields of one Exemplar. */
function exemplarFields(one: ExemplarText): Buffer[] {
  return [
    ...some(one.timeNano, (nano) => fixed64(2, nano)),
    ...numeric(one.value, 3, 6),
    ...some(one.spanId, (hex) => bytes(4, Buffer.from(hex, 'hex'))),
    ...some(one.traceId, (hex) => bytes(5, Buffer.from(hex, 'hex'))),
    ...keyValues(7, one.attributes),
  ]
}
