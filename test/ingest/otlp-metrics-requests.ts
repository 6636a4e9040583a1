// Any metrics request a sender could send.

import fc from 'fast-check'
import { attributes, nanos, SPAN_ID, TRACE_ID } from '#test/ingest/otlp.ts'
import type { MetricData, SentMetrics } from '#test/ingest/otlp-metrics.ts'

const maybe = { requiredKeys: [] }

const few = { maxLength: 2 }
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const counts = fc.array(nanos, { maxLength: 4 })
const numeric = fc.oneof(fc.double(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))
const exemplars = fc.array(
  fc.record(
    {
      timeNano: nanos,
      value: numeric,
      traceId: fc.constantFrom(TRACE_ID, ''),
      spanId: fc.constantFrom(SPAN_ID, ''),
      attributes,
    },
    maybe,
  ),
  few,
)
const buckets = fc.record({ offset: int32, counts }, maybe)

const anyPoint = { startNano: nanos, timeNano: nanos, attributes, flags: uint32 }
const distribution = { ...anyPoint, count: nanos, sum: fc.double(), min: fc.double(), max: fc.double(), exemplars }
const numbers = fc.array(fc.record({ ...anyPoint, value: numeric, exemplars }, maybe), few)
const histograms = fc.array(fc.record({ ...distribution, counts, bounds: fc.array(fc.double(), few) }, maybe), few)
const exponentials = fc.array(
  fc.record(
    {
      ...distribution,
      scale: int32,
      zeroCount: nanos,
      positive: buckets,
      negative: buckets,
      zeroThreshold: fc.double(),
    },
    maybe,
  ),
  few,
)
const quantiles = fc.array(fc.record({ quantile: fc.double({ min: 0, max: 1 }), value: fc.double() }), few)
const summaries = fc.array(fc.record({ ...anyPoint, count: nanos, sum: fc.double(), quantiles }, maybe), few)

const temporality = fc.integer({ min: 0, max: 2 })
const data: fc.Arbitrary<MetricData> = fc.oneof(
  fc.record({ kind: fc.constant('gauge' as const), points: numbers }),
  fc.record({ kind: fc.constant('sum' as const), points: numbers, temporality, monotonic: fc.boolean() }),
  fc.record({ kind: fc.constant('histogram' as const), points: histograms, temporality }),
  fc.record({ kind: fc.constant('exponentialHistogram' as const), points: exponentials, temporality }),
  fc.record({ kind: fc.constant('summary' as const), points: summaries }),
)

export const metricRequests: fc.Arbitrary<SentMetrics[]> = fc.array(
  fc.record(
    {
      resource: attributes,
      resourceSchemaUrl: fc.webUrl(),
      scope: fc.record({ name: fc.string(), version: fc.string(), attributes, droppedAttributes: uint32 }, maybe),
      metrics: fc.array(
        fc.record({ name: fc.string(), description: fc.string(), unit: fc.string(), data }, maybe),
        few,
      ),
    },
    { requiredKeys: ['metrics'] },
  ),
  few,
)
