import fc from 'fast-check'
import { expect, test } from 'vitest'
import { check } from '#ingest/check/check.ts'
import type { Checked } from '#ingest/check/checking.ts'
import { BadInput } from '#model/errors.ts'
import type { Encoding, Signal } from '#storage/signals.ts'
import { mutate, random } from '#test/ingest/mutate.ts'
import {
  type Attributes,
  bytes,
  keyValues,
  requests,
  type Sent,
  span,
  traces,
  tracesJson,
  varint,
} from '#test/ingest/otlp.ts'
import { log, logRequests, logs, logsJson, type SentLogs } from '#test/ingest/otlp-logs.ts'
import { metric, metrics, type SentMetrics } from '#test/ingest/otlp-metrics.ts'
import { metricsJson } from '#test/ingest/otlp-metrics-json.ts'
import { metricRequests } from '#test/ingest/otlp-metrics-requests.ts'

type Kind<Request> = {
  any: fc.Arbitrary<Request[]>
  write: Record<Encoding, (sent: Request[]) => Buffer>
  count(request: Request): number
}
const spans: Kind<Sent> = {
  any: requests,
  write: { protobuf: traces, json: tracesJson },
  count: (one) => one.spans.length,
}
const points: Kind<SentMetrics> = {
  any: metricRequests,
  write: { protobuf: metrics, json: metricsJson },
  count: (one) => one.metrics.reduce((sum, { data }) => sum + (data?.points.length ?? 0), 0),
}
const records: Kind<SentLogs> = {
  any: logRequests,
  write: { protobuf: logs, json: logsJson },
  count: (one) => one.logs.length,
}

/** Every signal in every encoding. */
const WAYS = (
  [
    ['traces', spans],
    ['metrics', points],
    ['logs', records],
  ] as [Signal, Kind<unknown>][]
).flatMap(([signal, { any, write, count }]) =>
  (['protobuf', 'json'] as const).map((encoding) => ({ signal, encoding, any, write: write[encoding], count })),
)

test.each(WAYS)('accepts and counts any $signal in $encoding', ({ signal, encoding, any, write, count }) => {
  fc.assert(
    fc.property(any, (sent) => {
      const items = sent.reduce<number>((sum, one) => sum + count(one), 0)
      const { rejected, ...found } = check(signal, encoding, write(sent))
      expect(found.items).toBe(items)
      if (signal !== 'traces') expect([rejected, found.reason]).toEqual([0, null])
    }),
  )
})

test.each(WAYS)(
  'has nothing left to replace in what it returns: $signal in $encoding',
  ({ signal, encoding, any, write }) => {
    fc.assert(
      fc.property(any, (sent) => {
        const first = check(signal, encoding, write(sent))
        const again = check(signal, encoding, first.body)
        expect(again.body).toBe(first.body)
        expect(withoutPlace(again)).toEqual(withoutPlace(first))
      }),
    )
  },
)

test.each(WAYS)(
  'returns or throws BadInput for any damage to $signal in $encoding',
  ({ signal, encoding, any, write }) => {
    const seeds = fc.record({ sent: any, other: any, seed: fc.nat() })
    fc.assert(
      fc.property(seeds, ({ sent, other, seed }) => {
        const body = mutate(encoding, write(sent), write(other), random(seed))
        try {
          const first = check(signal, encoding, body)
          const again = check(signal, encoding, Buffer.from(first.body))
          expect(withoutPlace(again)).toEqual(withoutPlace(first))
        } catch (error) {
          expect(error).toBeInstanceOf(BadInput)
        }
      }),
      { numRuns: 500 },
    )
  },
)

test.each(WAYS)('refuses nearly every $signal that is cut in $encoding', ({ signal, encoding, write, any }) => {
  const [sent] = fc.sample(
    any.filter((some) => write(some).length > 200),
    { numRuns: 1, seed: 7 },
  ) as [unknown[]]
  const whole = write([sent[0], sent[0]])
  const half = encoding === 'protobuf' ? whole.length / 2 : whole.length
  for (let length = 1; length < whole.length; length++) {
    if (length === half) continue
    expect(() => check(signal, encoding, Buffer.from(whole.subarray(0, length))), `${length}`).toThrow(BadInput)
  }
})

/** The reason names a byte, and bytes move. */
function withoutPlace({ reason, ...found }: Checked): object {
  return { ...found, reason: reason?.replace(/at byte \d+/, '') }
}

const resources = (...given: (Attributes | undefined)[]) =>
  given.map((resource) => ({ ...(resource ? { resource } : {}), spans: [span()], logs: [log()], metrics: [metric()] }))

const services: [string, (Attributes | undefined)[], string[]][] = [
  ['nothing for an empty request', [], []],
  ['the name of a service', [{ a: 'b', 'service.name': 'fetcher', c: 1n }], ['fetcher']],
  ['each name once', [{ 'service.name': 'a' }, { 'service.name': 'b' }, { 'service.name': 'a' }], ['a', 'b']],
  ['no name of a resource without one', [{ a: 'b' }, undefined, {}], ['']],
  ['a long name', [{ 'service.name': 'x'.repeat(1_000) }], ['x'.repeat(1_000)]],
  ['a name in another alphabet', [{ 'service.name': '取"得\n' }], ['取"得\n']],
  ['a number as the text it is stored as', [{ 'service.name': 7n }, { 'service.name': 0.5 }], ['7', '0.5']],
  [
    'truth and bytes as the text they are stored as',
    [{ 'service.name': true }, { 'service.name': Buffer.from('x') }],
    ['true', 'eA=='],
  ],
  [
    'lists as the text they are stored as',
    [{ 'service.name': ['a'] }, { 'service.name': { a: 1n } }],
    ['["a"]', '{"a":1}'],
  ],
  [
    'no more than a hundred',
    Array.from({ length: 200 }, (_, index) => ({ 'service.name': `s${index}` })),
    Array.from({ length: 100 }, (_, index) => `s${index}`),
  ],
]

for (const [what, given, expected] of services) {
  test.each(WAYS)(`knows of $signal in $encoding ${what}`, ({ signal, encoding, write }) => {
    expect(check(signal, encoding, write(resources(...given))).services).toEqual(expected)
  })
}

test('takes the first of several names, as ClickHouse does', () => {
  const resource = bytes(1, ...keyValues(1, { 'service.name': 'a' }), ...keyValues(1, { 'service.name': 'b' }))
  expect(check('traces', 'protobuf', bytes(1, resource)).services).toEqual(['a'])
  const attributes =
    '[{"key":"service.name","value":{"stringValue":"a"}},{"key":"service.name","value":{"stringValue":"b"}}]'
  const json = `{"resourceSpans":[{"resource":{"attributes":${attributes}}}]}`
  expect(check('traces', 'json', Buffer.from(json)).services).toEqual(['a'])
})

test('finds a name however its attribute is written', () => {
  const name = bytes(1, 'service.name')
  const value = bytes(2, bytes(1, 'a'))
  const wide = Buffer.concat([Buffer.from([0x0a, 0x8c, 0x80, 0x00]), Buffer.from('service.name')])
  const unknown = Buffer.concat([varint(99 << 3), varint(5)])
  for (const attribute of [bytes(1, value, name), bytes(1, wide, value), bytes(1, unknown, name, unknown, value)]) {
    expect(check('logs', 'protobuf', bytes(1, bytes(1, unknown, attribute))).services).toEqual(['a'])
  }
  const escaped = '{"x":[{"a":1}],"value":{"y":null,"stringValue":"\\u0061"},"key":"service\\u002ename"}'
  const json = `{"resourceLogs":[{"scopeLogs":[],"resource":{"z":{},"attributes":[{},${escaped}]}}]}`
  expect(check('logs', 'json', Buffer.from(json)).services).toEqual(['a'])
})
