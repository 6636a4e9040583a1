// A data point of each kind that has everything, and the rows it and an empty one become.

import { SPAN_ID, START, TRACE_ID } from '#test/ingest/otlp.ts'
import type { MetricData } from '#test/ingest/otlp-metrics.ts'

const TIMES = { startNano: START, timeNano: START + 10_999_999_999n }
const EXEMPLAR = {
  timeNano: START + 1_000_000_000n,
  value: 2.5,
  spanId: SPAN_ID,
  traceId: TRACE_ID,
  attributes: { user: 'a', n: 1n },
}
const EXEMPLARS = [EXEMPLAR, { timeNano: START, value: -3n }]

export const TIMES_SHOWN = { StartTimeUnix: '2023-11-14 22:13:20', TimeUnix: '2023-11-14 22:13:30' }
const EXEMPLARS_SHOWN = {
  'Exemplars.FilteredAttributes': [{ user: 'a', n: '1' }, {}],
  'Exemplars.TimeUnix': ['2023-11-14 22:13:21', '2023-11-14 22:13:20'],
  'Exemplars.Value': [2.5, -3],
  'Exemplars.SpanId': [SPAN_ID, ''],
  'Exemplars.TraceId': [TRACE_ID, ''],
}
const NO_EXEMPLARS = {
  'Exemplars.FilteredAttributes': [],
  'Exemplars.TimeUnix': [],
  'Exemplars.Value': [],
  'Exemplars.SpanId': [],
  'Exemplars.TraceId': [],
}
const UINT64_MAX = 2n ** 64n - 1n

type Kind = {
  kind: string
  table: string
  data: MetricData
  row: Record<string, unknown>
  bare: Record<string, unknown>
}

/** Each kind with a point that has everything, and what is stored of it and of a point that has nothing. */
export const KINDS: Kind[] = [
  {
    kind: 'gauge',
    table: 'otel_metrics_gauge',
    data: { kind: 'gauge', points: [{ ...TIMES, value: -0.1, flags: 2, exemplars: EXEMPLARS }] },
    row: { Value: -0.1, Flags: 2, ...EXEMPLARS_SHOWN },
    bare: { Value: 0, Flags: 0, ...NO_EXEMPLARS },
  },
  {
    kind: 'sum',
    table: 'otel_metrics_sum',
    data: {
      kind: 'sum',
      points: [{ ...TIMES, value: -42n, flags: 2, exemplars: EXEMPLARS }],
      temporality: 2,
      monotonic: true,
    },
    row: { Value: -42, Flags: 2, AggregationTemporality: 2, IsMonotonic: true, ...EXEMPLARS_SHOWN },
    bare: { Value: 0, Flags: 0, AggregationTemporality: 0, IsMonotonic: false, ...NO_EXEMPLARS },
  },
  {
    kind: 'histogram',
    table: 'otel_metrics_histogram',
    data: {
      kind: 'histogram',
      points: [
        {
          ...TIMES,
          count: UINT64_MAX,
          sum: 1.7091,
          min: -1e300,
          max: 5e-324,
          counts: [0n, 9007199254740993n, UINT64_MAX],
          bounds: [-0.5, 1e21],
          exemplars: EXEMPLARS,
          flags: 2,
        },
      ],
      temporality: 1,
    },
    row: {
      Count: '18446744073709551615',
      Sum: 1.7091,
      Min: -1e300,
      Max: 5e-324,
      BucketCounts: ['0', '9007199254740993', '18446744073709551615'],
      ExplicitBounds: [-0.5, 1e21],
      Flags: 2,
      AggregationTemporality: 1,
      ...EXEMPLARS_SHOWN,
    },
    bare: {
      Count: '0',
      Sum: 0,
      Min: 0,
      Max: 0,
      BucketCounts: [],
      ExplicitBounds: [],
      Flags: 0,
      AggregationTemporality: 0,
      ...NO_EXEMPLARS,
    },
  },
  {
    kind: 'exponential histogram',
    table: 'otel_metrics_exponential_histogram',
    data: {
      kind: 'exponentialHistogram',
      points: [
        {
          ...TIMES,
          count: 9007199254740993n,
          sum: -1.25,
          min: -2,
          max: 3,
          scale: -11,
          zeroCount: UINT64_MAX,
          zeroThreshold: 0.01,
          positive: { offset: -2_147_483_648, counts: [1n, UINT64_MAX, 300n] },
          negative: { offset: 2_147_483_647, counts: [0n] },
          exemplars: EXEMPLARS,
          flags: 2,
        },
      ],
      temporality: 2,
    },
    row: {
      Count: '9007199254740993',
      Sum: -1.25,
      Min: -2,
      Max: 3,
      Scale: -11,
      ZeroCount: '18446744073709551615',
      PositiveOffset: -2_147_483_648,
      PositiveBucketCounts: ['1', '18446744073709551615', '300'],
      NegativeOffset: 2_147_483_647,
      NegativeBucketCounts: ['0'],
      Flags: 2,
      AggregationTemporality: 2,
      ...EXEMPLARS_SHOWN,
    },
    bare: {
      Count: '0',
      Sum: 0,
      Min: 0,
      Max: 0,
      Scale: 0,
      ZeroCount: '0',
      PositiveOffset: 0,
      PositiveBucketCounts: [],
      NegativeOffset: 0,
      NegativeBucketCounts: [],
      Flags: 0,
      AggregationTemporality: 0,
      ...NO_EXEMPLARS,
    },
  },
  {
    kind: 'summary',
    table: 'otel_metrics_summary',
    data: {
      kind: 'summary',
      points: [
        {
          ...TIMES,
          count: UINT64_MAX,
          sum: 0.1,
          flags: 2,
          quantiles: [
            { quantile: 0, value: 1.5 },
            { quantile: 0.99, value: Number.NaN },
          ],
        },
      ],
    },
    row: {
      Count: '18446744073709551615',
      Sum: 0.1,
      Flags: 2,
      'ValueAtQuantiles.Quantile': [0, 0.99],
      'ValueAtQuantiles.Value': [1.5, 'nan'],
    },
    bare: { Count: '0', Sum: 0, Flags: 0, 'ValueAtQuantiles.Quantile': [], 'ValueAtQuantiles.Value': [] },
  },
]

export const ENVELOPE = {
  resource: { 'service.name': 'fetcher', pid: 42n },
  resourceSchemaUrl: 'https://resource.example/1.0',
  scope: { name: 'lib', version: '2.0', attributes: { scoped: true }, droppedAttributes: 3 },
  scopeSchemaUrl: 'https://scope.example/1.0',
}
export const ENVELOPE_SHOWN = {
  ResourceAttributes: { 'service.name': 'fetcher', pid: '42' },
  ResourceSchemaUrl: 'https://resource.example/1.0',
  ScopeName: 'lib',
  ScopeVersion: '2.0',
  ScopeAttributes: { scoped: 'true' },
  ScopeDroppedAttrCount: 3,
  ScopeSchemaUrl: 'https://scope.example/1.0',
  ServiceName: 'fetcher',
}
export const BARE_SHOWN = {
  ResourceAttributes: {},
  ResourceSchemaUrl: '',
  ScopeName: '',
  ScopeVersion: '',
  ScopeAttributes: {},
  ScopeDroppedAttrCount: 0,
  ScopeSchemaUrl: '',
  ServiceName: '',
  MetricName: '',
  MetricDescription: '',
  MetricUnit: '',
  Attributes: {},
  StartTimeUnix: '1970-01-01 00:00:00',
  TimeUnix: '1970-01-01 00:00:00',
}
