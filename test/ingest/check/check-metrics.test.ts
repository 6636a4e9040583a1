import { expect, test } from 'vitest'
import { check } from '#ingest/check/check.ts'
import { BadInput } from '#model/errors.ts'
import { bytes, double, fixed32, fixed64, keyValues, number, varint } from '#test/ingest/otlp.ts'
import {
  double64,
  type ExponentialPoint,
  type HistogramPoint,
  type MetricData,
  metric,
  metrics,
  type NumberPoint,
  numberPointFields,
  packed,
  point,
  type SummaryPoint,
  uint64,
  zigzag,
} from '#test/ingest/otlp-metrics.ts'
import { metricsJson } from '#test/ingest/otlp-metrics-json.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const metricOf = (...fields: Buffer[]) => bytes(1, bytes(2, bytes(2, ...fields)))
/** One point of a metric whose data is this field, with these fields. */
const pointOf =
  (data: number) =>
  (...fields: Buffer[]) =>
    metricOf(bytes(data, bytes(1, ...fields)))
const gauge = pointOf(5)
const histogram = pointOf(9)
const exponential = pointOf(10)
const summary = pointOf(11)
const exemplar = (...fields: Buffer[]) => gauge(bytes(5, ...fields))

const protobuf = (body: Buffer) => check('metrics', 'protobuf', Buffer.from(body))
const json = (text: string) => check('metrics', 'json', Buffer.from(text))

const numbers: NumberPoint[] = [point(), point({ value: -(2n ** 63n), flags: 1 }), {}]
const histograms: HistogramPoint[] = [
  { count: 2n ** 64n - 1n, sum: 0.5, counts: [0n, 2n ** 64n - 1n], bounds: [-0.5, 1e300] },
  { counts: [], bounds: [] },
]
const exponentials: ExponentialPoint[] = [
  {
    scale: -10,
    zeroCount: 3n,
    positive: { offset: -(2 ** 31), counts: [1n] },
    negative: { offset: 2 ** 31 - 1, counts: [] },
  },
]
const summaries: SummaryPoint[] = [
  {
    count: 3n,
    sum: NaN,
    quantiles: [
      { quantile: 0, value: 1 },
      { quantile: 1, value: Infinity },
    ],
  },
]
const datas: MetricData[] = [
  { kind: 'gauge', points: numbers },
  { kind: 'sum', points: numbers, temporality: 2, monotonic: true },
  { kind: 'histogram', points: histograms, temporality: 1 },
  { kind: 'exponentialHistogram', points: exponentials, temporality: 2 },
  { kind: 'summary', points: summaries },
]

for (const data of datas) {
  test(`counts the points of a metric of the kind ${data.kind}`, () => {
    const sent = [{ metrics: [metric({ data }), metric({ data })] }]
    expect(protobuf(metrics(sent))).toMatchObject({ items: data.points.length * 2, rejected: 0, reason: null })
    expect(json(metricsJson(sent).toString())).toMatchObject({
      items: data.points.length * 2,
      rejected: 0,
      reason: null,
    })
  })
}

const accepted: [string, Buffer, number][] = [
  ['an empty body', Buffer.alloc(0), 0],
  ['a metric without data', metrics([{ metrics: [{ name: 'a' }] }]), 0],
  ['data without points', metricOf(bytes(7)), 0],
  ['metadata, which is not stored', metricOf(...keyValues(12, { a: ['b'] })), 0],
  ['bounds that are not packed', histogram(double(7, 1), double(7, 2)), 1],
  ['counts that are not packed', histogram(fixed64(6, 1n), fixed64(6, 2n)), 1],
  ['counts both ways', histogram(fixed64(6, 1n), packed(6, [2n, 3n], uint64)), 1],
  ['counts of buckets that are not packed', exponential(bytes(8, number(2, 2n ** 64n - 1n), number(2, 0))), 1],
  ['the largest flags', gauge(number(8, 2 ** 32 - 1)), 1],
  ['a negative temporality', metricOf(bytes(7, number(2, -1))), 0],
]

for (const [what, body, items] of accepted) {
  test(`accepts ${what}`, () => expect(protobuf(body)).toMatchObject({ items, rejected: 0, reason: null }))
}

test('hides an empty list of numbers, which ClickHouse cannot read, from it', () => {
  const sent = histogram(packed(6, [], uint64), fixed64(4, 1n), packed(7, [], double64))
  expect(protobuf(sent).body).toEqual(histogram(bytes(15), fixed64(4, 1n), bytes(15)))
  const wide = hex('3a 80 00')
  expect(protobuf(histogram(wide, fixed64(4, 1n))).body).toEqual(histogram(fixed64(4, 1n)))
  const buckets = (...counts: Buffer[]) => exponential(bytes(8, zigzag(1, -1), ...counts))
  expect(protobuf(buckets(packed(2, [], varint))).body).toEqual(buckets(bytes(15)))
})

const refusals: [string, Buffer, RegExp][] = [
  [
    'two kinds of data',
    metricOf(bytes(5), bytes(7)),
    /^resource_metrics\.scope_metrics\.metrics\.sum is a second value where one is allowed \(at byte 8\)$/,
  ],
  ['the same data twice', metricOf(bytes(11), bytes(11)), /metrics\.summary is a second value/],
  ['two values of a point', gauge(double(4, 1), fixed64(6, 1n)), /gauge\.data_points\.as_int is a second value/],
  ['two values of an exemplar', exemplar(double(3, 1), fixed64(6, 1n)), /exemplars\.as_int is a second value/],
  ['an int that is a varint', gauge(number(6, 1)), /as_int has wire type 0 instead of 1/],
  ['flags of 32 fixed bits', gauge(fixed32(8, 1)), /flags has wire type 5 instead of 0/],
  ['flags beyond 32 bits', gauge(number(8, 2 ** 32)), /data_points\.flags does not fit into 32 bits/],
  ['negative flags', gauge(number(8, -1)), /flags does not fit into 32 bits/],
  [
    'packed counts of 12 bytes',
    histogram(bytes(6, Buffer.alloc(12))),
    /histogram\.data_points\.bucket_counts ends too early/,
  ],
  ['packed bounds of 7 bytes', histogram(bytes(7, Buffer.alloc(7))), /explicit_bounds ends too early/],
  ['counts of 32 bits', histogram(fixed32(6, 1)), /bucket_counts has wire type 5 instead of 1/],
  ['a packed sum', histogram(packed(5, [1], double64)), /sum has wire type 2 instead of 1/],
  ['two sums', histogram(double(5, 1), double(5, 1)), /sum is a second value/],
  ['a scale beyond 32 bits', exponential(zigzag(6, 2 ** 31)), /scale does not fit into 32 bits/],
  ['an offset beyond 32 bits', exponential(bytes(9, zigzag(1, -(2 ** 31) - 1))), /negative\.offset does not fit/],
  [
    'buckets that end in a number',
    exponential(bytes(8, bytes(2, hex('01 80')))),
    /positive\.bucket_counts ends in the middle of a number/,
  ],
  ['a bucket beyond 64 bits', exponential(bytes(8, bytes(2, hex('ffffffffffffffffff7f')))), /more than 64 bits/],
  ['a quantile that is a varint', summary(bytes(6, number(1, 1))), /quantile_values\.quantile has wire type 0/],
  ['a monotony of 2', metricOf(bytes(7, number(3, 2))), /sum\.is_monotonic must be 0 or 1/],
  [
    'a temporality beyond 32 bits',
    metricOf(bytes(9, number(2, 2 ** 31))),
    /histogram\.aggregation_temporality does not fit/,
  ],
  ['an attribute that is a number', exemplar(number(7, 1)), /exemplars\.filtered_attributes has wire type 0/],
  [
    'traces',
    bytes(1, bytes(2, bytes(2, ...numberPointFields(point())))),
    /metrics\.description has wire type 1 instead of 2/,
  ],
]

for (const [what, body, reason] of refusals) {
  test(`refuses ${what}`, () => {
    expect(() => protobuf(body)).toThrow(BadInput)
    expect(() => protobuf(body)).toThrow(reason)
  })
}

const jsonMetric = (members: string) => `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m",${members}}]}]}]}`
const jsonPoint = (kind: string) => (members: string) => jsonMetric(`"${kind}":{"dataPoints":[{${members}}]}`)
const jsonGauge = jsonPoint('gauge')
const jsonHistogram = jsonPoint('histogram')
const jsonExponential = jsonPoint('exponentialHistogram')

test.each([
  jsonGauge('"asInt":"-9223372036854775808"'),
  jsonGauge('"asInt":5,"asDouble":null'),
  jsonGauge('"asInt":1e+21'),
  jsonGauge('"asDouble":"NaN"'),
  jsonGauge('"asDouble":1e-7,"flags":"1"'),
  jsonGauge('"exemplars":[{"asInt":1,"traceId":"","spanId":"ab","filteredAttributes":[{"key":"a"}]}]'),
  jsonHistogram(
    '"count":"3","sum":"-Infinity","min":null,"bucketCounts":["1",2],"explicitBounds":[0,"1.5","Infinity"]',
  ),
  jsonHistogram('"bucketCounts":[],"explicitBounds":null'),
  jsonExponential('"scale":-3,"zeroCount":0,"positive":{"offset":"-1","bucketCounts":["18446744073709551615"]}'),
  jsonPoint('summary')('"quantileValues":[{"quantile":0.5,"value":1},{}]'),
])('accepts %s', (text) => expect(json(text)).toMatchObject({ items: 1, rejected: 0, reason: null }))

const jsonRefusals: [string, string, RegExp][] = [
  [
    'two kinds of data',
    jsonMetric('"gauge":{},"sum":{}'),
    /^resourceMetrics\.scopeMetrics\.metrics\.sum is a second value where one is allowed/,
  ],
  ['two values of a point', jsonGauge('"asInt":1,"asDouble":1'), /gauge\.dataPoints\.asDouble is a second value/],
  [
    'two values of an exemplar',
    jsonGauge('"exemplars":[{"asDouble":1,"asInt":1}]'),
    /exemplars\.asInt is a second value/,
  ],
  [
    'a name for a temporality',
    jsonMetric('"sum":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA"}'),
    /sum\.aggregationTemporality must be a number, not a name/,
  ],
  ['flags beyond 32 bits', jsonGauge('"flags":4294967296'), /dataPoints\.flags is beyond 4294967295/],
  ['negative flags', jsonGauge('"flags":-1'), /flags must be a whole number that is not negative/],
  ['a count with a fraction', jsonHistogram('"count":1.5'), /count must be a whole number/],
  [
    'a count beyond 64 bits',
    jsonHistogram('"bucketCounts":["18446744073709551616"]'),
    /histogram\.dataPoints\.bucketCounts is beyond/,
  ],
  ['null among counts', jsonHistogram('"bucketCounts":[null]'), /bucketCounts has 'n' where a number should be/],
  [
    'an object among bounds',
    jsonHistogram('"explicitBounds":[{}]'),
    /explicitBounds has '\{' where a number should be/,
  ],
  ['a list for a count', jsonHistogram('"count":[1]'), /count has '\[' where a number should be/],
  ['a scale beyond 32 bits', jsonExponential('"scale":2147483648'), /scale is beyond 2147483647/],
  [
    'an offset below 32 bits',
    jsonExponential('"negative":{"offset":-2147483649}'),
    /negative\.offset is beyond -2147483648/,
  ],
  [
    'a number for an id',
    jsonGauge('"exemplars":[{"traceId":5}]'),
    /exemplars\.traceId has '5' where a string should be/,
  ],
  ['truth in quotes', jsonMetric('"sum":{"isMonotonic":"true"}'), /isMonotonic has '"' where true or false should be/],
]

for (const [what, text, reason] of jsonRefusals) {
  test(`refuses ${what} in JSON`, () => {
    expect(() => json(text)).toThrow(BadInput)
    expect(() => json(text)).toThrow(reason)
  })
}

test('warns of a key in snake_case', () => {
  const text = jsonMetric('"exponential_histogram":{"data_points":[]}')
  expect(json(text).reason).toBe('the key exponential_histogram was ignored: OTLP JSON spells it exponentialHistogram')
})
