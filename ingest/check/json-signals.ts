// The requests of the three signals as OTLP JSON has them, as far as they are stored.

import { ANY_VALUE, ATTRIBUTES, define, request, type Shape, VALUE } from '#ingest/check/json-schema.ts'
import type { Signal } from '#storage/signals.ts'

const EVENT = define({ timeUnixNano: VALUE.uint64, name: VALUE.text, attributes: ATTRIBUTES })
const LINK = define({ traceId: VALUE.text, spanId: VALUE.text, traceState: VALUE.text, attributes: ATTRIBUTES })
const STATUS = define({ message: VALUE.text, code: VALUE.enum })
const SPAN = define({
  traceId: VALUE.traceId,
  spanId: VALUE.spanId,
  traceState: VALUE.text,
  parentSpanId: VALUE.text,
  name: VALUE.text,
  kind: VALUE.enum,
  startTimeUnixNano: VALUE.time,
  endTimeUnixNano: VALUE.time,
  attributes: ATTRIBUTES,
  events: [VALUE.list, EVENT],
  links: [VALUE.list, LINK],
  status: [VALUE.object, STATUS],
})

const LOG_RECORD = define({
  timeUnixNano: VALUE.time,
  observedTimeUnixNano: VALUE.time,
  severityNumber: VALUE.enum,
  severityText: VALUE.text,
  body: [VALUE.anyValue, ANY_VALUE],
  attributes: ATTRIBUTES,
  flags: VALUE.uint32,
  traceId: VALUE.text,
  spanId: VALUE.text,
  eventName: VALUE.text,
})

const NUMERIC = { asDouble: VALUE.double, asInt: VALUE.int64 }
const EXEMPLAR = define(
  {
    timeUnixNano: VALUE.uint64,
    ...NUMERIC,
    spanId: VALUE.text,
    traceId: VALUE.text,
    filteredAttributes: ATTRIBUTES,
  },
  Object.keys(NUMERIC),
)
const EXEMPLARS: [number, Shape] = [VALUE.list, EXEMPLAR]
const POINT = {
  attributes: ATTRIBUTES,
  startTimeUnixNano: VALUE.uint64,
  timeUnixNano: VALUE.time,
  flags: VALUE.uint32,
}
const DISTRIBUTION = {
  ...POINT,
  count: VALUE.uint64,
  sum: VALUE.double,
  min: VALUE.double,
  max: VALUE.double,
  exemplars: EXEMPLARS,
}
const NUMBER_POINT = define({ ...POINT, ...NUMERIC, exemplars: EXEMPLARS }, Object.keys(NUMERIC))
const HISTOGRAM_POINT = define({ ...DISTRIBUTION, bucketCounts: VALUE.uint64s, explicitBounds: VALUE.doubles })
const BUCKETS = define({ offset: VALUE.int32, bucketCounts: VALUE.uint64s })
const EXPONENTIAL_POINT = define({
  ...DISTRIBUTION,
  scale: VALUE.int32,
  zeroCount: VALUE.uint64,
  zeroThreshold: VALUE.double,
  positive: [VALUE.object, BUCKETS],
  negative: [VALUE.object, BUCKETS],
})
const SUMMARY_POINT = define({
  ...POINT,
  count: VALUE.uint64,
  sum: VALUE.double,
  quantileValues: [VALUE.list, define({ quantile: VALUE.double, value: VALUE.double })],
})

/** A metric's data of one kind. */
function data(point: Shape, about: Record<string, number> = {}): [number, Shape] {
  return [VALUE.object, define({ dataPoints: [VALUE.items, point], ...about })]
}

const TEMPORALITY = { aggregationTemporality: VALUE.enum }
const DATA = {
  gauge: data(NUMBER_POINT),
  sum: data(NUMBER_POINT, { ...TEMPORALITY, isMonotonic: VALUE.bool }),
  histogram: data(HISTOGRAM_POINT, TEMPORALITY),
  exponentialHistogram: data(EXPONENTIAL_POINT, TEMPORALITY),
  summary: data(SUMMARY_POINT),
}
const METRIC = define({ name: VALUE.text, description: VALUE.text, unit: VALUE.text, ...DATA }, Object.keys(DATA))

export const REQUESTS: Record<Signal, Shape> = {
  traces: request('Spans', { spans: [VALUE.spans, SPAN] }),
  metrics: request('Metrics', { metrics: [VALUE.list, METRIC] }),
  logs: request('Logs', { logRecords: [VALUE.items, LOG_RECORD] }),
}
