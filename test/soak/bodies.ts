// What senders send: body `number` of a seed is always the same one, and its spans have ids that nobody else has.

import { gzipSync } from 'node:zlib'
import type { Encoding } from '#storage/signals.ts'
import { type Random, random } from '#test/ingest/mutate.ts'
import { type Sent, type SpanText, traces, tracesJson } from '#test/ingest/otlp.ts'

/** `bytes` as they go over the wire. */
export type SoakBody = { number: number; encoding: Encoding; gzip: boolean; spans: number; bytes: Buffer }

const MOST_SPANS = 200
const SPANS_PER_TRACE = 8
const DAY_NANOS = 86_400_000_000_000n
/** Rows of one insert go to as many partitions, whose parts ClickHouse commits one after the other. */
const DAYS = 5

/** `now` is epoch milliseconds, the same for all bodies that are to be the same again. */
export function soakBody(seed: number, number: number, now: number): SoakBody {
  const pick = random(seed * 1_000_003 + number)
  const spans = 1 + pick(1 + pick(MOST_SPANS))
  const encoding = pick(3) === 0 ? 'json' : 'protobuf'
  const gzip = pick(3) === 0
  const plain = (encoding === 'json' ? tracesJson : traces)([sent(seed, number, spans, BigInt(now) * 1_000_000n, pick)])
  return { number, encoding, gzip, spans, bytes: gzip ? gzipSync(plain) : plain }
}

/** The id of a span says which it is. */
export function spanId(number: number, index: number): string {
  return `${hex(number)}${hex(index + 1)}`
}

function sent(seed: number, number: number, spans: number, now: bigint, pick: Random): Sent {
  return {
    resource: { 'service.name': `soak-${pick(5)}`, 'service.version': '1.0', 'host.name': 'here' },
    scope: { name: 'soak' },
    spans: Array.from({ length: spans }, (_, index) => spanText(seed, number, index, now, pick)),
  }
}

function spanText(seed: number, number: number, index: number, now: bigint, pick: Random): SpanText {
  const trace = Math.floor(index / SPANS_PER_TRACE)
  const isRoot = index % SPANS_PER_TRACE === 0
  const startNano = now - BigInt(pick(DAYS)) * DAY_NANOS
  return {
    traceId: `${hex(seed)}${hex(number)}${hex(trace)}${hex(1)}`,
    spanId: spanId(number, index),
    ...(isRoot ? {} : { parentSpanId: spanId(number, trace * SPANS_PER_TRACE) }),
    name: isRoot ? 'fetch cycle' : `GET /items/${pick(20)}`,
    kind: 3,
    startNano,
    endNano: startNano + BigInt(pick(1_000_000_000)),
    attributes: {
      'cycle.name': `cycle-${pick(3)}`,
      ...(isRoot ? { 'cycle.items': BigInt(pick(100)) } : { 'step.kind': 'fetch' }),
      'http.request.method': 'GET',
      'server.address': `host-${pick(50)}.example.org`,
      'http.response.status_code': BigInt(200 + pick(5)),
      'http.phase.ttfb_ms': pick(1_000) / 7,
      cached: pick(2) === 0,
    },
    ...(pick(4) === 0 ? { events: [{ timeNano: startNano, name: 'retry', attributes: { attempt: 1n } }] } : {}),
    status: { code: pick(3) },
  }
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0')
}
