import { describe, expect, test } from 'vitest'
import { check } from '#ingest/check/check.ts'
import { ENCODINGS, type Encoding, type Signal } from '#storage/signals.ts'
import { span, traces, tracesJson } from '#test/ingest/otlp.ts'
import { log, logs, logsJson } from '#test/ingest/otlp-logs.ts'
import { metric, metrics, point } from '#test/ingest/otlp-metrics.ts'
import { metricsJson } from '#test/ingest/otlp-metrics-json.ts'

const DAY = 86_400_000_000_000n
const START = 20_000n * DAY

type Writer = Record<Encoding, (nanos: bigint[]) => Buffer>

const starting = (nanos: bigint[]) => [{ spans: nanos.map((nano) => span({ startNano: nano, endNano: nano + 1n })) }]
const ending = (nanos: bigint[]) => [{ spans: nanos.map((nano) => span({ startNano: START, endNano: nano })) }]
const logged = (nanos: bigint[]) => [{ logs: nanos.map((timeNano) => log({ timeNano, observedNano: timeNano })) }]
const observed = (nanos: bigint[]) => [{ logs: nanos.map((observedNano) => log({ timeNano: START, observedNano })) }]
const measured = (nanos: bigint[]) => [
  { metrics: [metric({ data: { kind: 'gauge', points: nanos.map((timeNano) => point({ timeNano })) } })] },
]

const KINDS: [string, Signal, Writer][] = [
  ['spans that start', 'traces', { protobuf: (n) => traces(starting(n)), json: (n) => tracesJson(starting(n)) }],
  ['spans that end', 'traces', { protobuf: (n) => traces(ending(n)), json: (n) => tracesJson(ending(n)) }],
  ['log records', 'logs', { protobuf: (n) => logs(logged(n)), json: (n) => logsJson(logged(n)) }],
  ['log records observed', 'logs', { protobuf: (n) => logs(observed(n)), json: (n) => logsJson(observed(n)) }],
  ['data points', 'metrics', { protobuf: (n) => metrics(measured(n)), json: (n) => metricsJson(measured(n)) }],
]

describe.each(KINDS)('%s', (_, signal, writer) => {
  test.each(ENCODINGS)('in %s may be of 366 days and no more', (encoding) => {
    const days = (count: number) => Array.from({ length: count }, (_, n) => START + BigInt(n) * DAY)
    expect(check(signal, encoding, writer[encoding](days(366)))).toMatchObject({ items: 366, days: { length: 366 } })
    expect(() => check(signal, encoding, writer[encoding](days(367)))).toThrow(
      /is on another day than 366 before it; send fewer days at once \(at byte \d+\)$/,
    )
  })

  test.each(ENCODINGS)('in %s are counted by UTC midnight', (encoding) => {
    const aroundMidnight = [START, START + DAY - 1_000_000n, START + DAY, START + 2n * DAY - 1_000_000n, START]
    expect(check(signal, encoding, writer[encoding](aroundMidnight))).toMatchObject({ days: [20_000, 20_001] })
  })
})

test.each(['0', '"999999999"', '1', '"18446744073709551615"'])('a time written %s has a day', (written) => {
  const body = tracesJson([{ spans: [span({ startNano: 0n, endNano: 0n })] }])
    .toString()
    .replaceAll('"0"', written)
  expect(check('traces', 'json', Buffer.from(body))).toMatchObject({ items: 1, days: { length: 1 } })
})
