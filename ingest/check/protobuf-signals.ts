// The requests of the three signals as protobuf has them (opentelemetry-proto 1.11), as far as they are stored.

import {
  attributes,
  bool,
  CONTENT,
  define,
  double,
  type Field,
  fixed32,
  fixed64,
  int32,
  type Message,
  many,
  numbers,
  one,
  request,
  sint32,
  spanId,
  text,
  time,
  traceId,
  uint32,
  value,
} from '#ingest/check/protobuf-schema.ts'
import { WIRE } from '#ingest/check/protobuf-wire.ts'
import type { Signal } from '#storage/signals.ts'

const EVENT = define({ 1: fixed64('time_unix_nano'), 2: text('name'), 3: attributes() })
const LINK = define({ 1: text('trace_id'), 2: text('span_id'), 3: text('trace_state'), 4: attributes() })
const STATUS = define({ 2: text('message'), 3: int32('code') })
const SPAN = define({
  1: traceId('trace_id'),
  2: spanId('span_id'),
  3: text('trace_state'),
  4: text('parent_span_id'),
  5: text('name'),
  6: int32('kind'),
  7: time('start_time_unix_nano'),
  8: time('end_time_unix_nano'),
  9: attributes(),
  11: many('events', EVENT),
  13: many('links', LINK),
  15: one('status', STATUS),
})

const LOG_RECORD = define({
  1: time('time_unix_nano'),
  2: int32('severity_number'),
  3: text('severity_text'),
  5: value('body'),
  6: attributes(),
  8: fixed32('flags'),
  9: text('trace_id'),
  10: text('span_id'),
  11: time('observed_time_unix_nano'),
  12: text('event_name'),
})

const EXEMPLAR = define(
  {
    2: fixed64('time_unix_nano'),
    3: double('as_double'),
    4: text('span_id'),
    5: text('trace_id'),
    6: fixed64('as_int'),
    7: attributes('filtered_attributes'),
  },
  [3, 6],
)
const exemplars = many('exemplars', EXEMPLAR)
const TIMES = { 2: fixed64('start_time_unix_nano'), 3: time('time_unix_nano') }
const NUMBER_POINT = define(
  { ...TIMES, 4: double('as_double'), 5: exemplars, 6: fixed64('as_int'), 7: attributes(), 8: uint32('flags') },
  [4, 6],
)
const HISTOGRAM_POINT = define({
  ...TIMES,
  4: fixed64('count'),
  5: double('sum'),
  6: numbers('bucket_counts', WIRE.fixed64),
  7: numbers('explicit_bounds', WIRE.fixed64),
  8: exemplars,
  9: attributes(),
  10: uint32('flags'),
  11: double('min'),
  12: double('max'),
})
const BUCKETS = define({ 1: sint32('offset'), 2: numbers('bucket_counts', WIRE.varint) })
const EXPONENTIAL_POINT = define({
  ...TIMES,
  1: attributes(),
  4: fixed64('count'),
  5: double('sum'),
  6: sint32('scale'),
  7: fixed64('zero_count'),
  8: one('positive', BUCKETS),
  9: one('negative', BUCKETS),
  10: uint32('flags'),
  11: exemplars,
  12: double('min'),
  13: double('max'),
  14: double('zero_threshold'),
})
const SUMMARY_POINT = define({
  ...TIMES,
  4: fixed64('count'),
  5: double('sum'),
  6: many('quantile_values', define({ 1: double('quantile'), 2: double('value') })),
  7: attributes(),
  8: uint32('flags'),
})

const points = (of: Message): Field => many('data_points', of, CONTENT.item)
const temporality = int32('aggregation_temporality')
const METRIC = define(
  {
    1: text('name'),
    2: text('description'),
    3: text('unit'),
    5: one('gauge', define({ 1: points(NUMBER_POINT) })),
    7: one('sum', define({ 1: points(NUMBER_POINT), 2: temporality, 3: bool('is_monotonic') })),
    9: one('histogram', define({ 1: points(HISTOGRAM_POINT), 2: temporality })),
    10: one('exponential_histogram', define({ 1: points(EXPONENTIAL_POINT), 2: temporality })),
    11: one('summary', define({ 1: points(SUMMARY_POINT) })),
  },
  [5, 7, 9, 10, 11],
)

export const REQUESTS: Record<Signal, Message> = {
  traces: request('spans', many('spans', SPAN, CONTENT.span)),
  metrics: request('metrics', many('metrics', METRIC)),
  logs: request('logs', many('log_records', LOG_RECORD, CONTENT.item)),
}
