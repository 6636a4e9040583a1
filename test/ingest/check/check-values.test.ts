import fc from 'fast-check'
import { expect, test } from 'vitest'
import { check } from '#ingest/check/check.ts'
import {
  type Attributes,
  anyValue,
  attributes,
  bytes,
  double,
  keyValues,
  number,
  span,
  traces,
  tracesJson,
  type Value,
} from '#test/ingest/otlp.ts'
import { logs, logsJson } from '#test/ingest/otlp-logs.ts'
import { metric, metrics, point } from '#test/ingest/otlp-metrics.ts'
import { metricsJson } from '#test/ingest/otlp-metrics-json.ts'
import { fields, inside } from '#test/ingest/wire.ts'

type Tree = Value[] | { [key: string]: Value }

/** What is left of a log body in protobuf, by the number of the AnyValue's field. */
function protobufBody(body: Value): { number: number; text: string }[] {
  const { body: stored } = check('logs', 'protobuf', logs([{ logs: [{ body }] }]))
  const [value] = inside(stored, 1, 2, 2, 5)
  return (fields(value as Buffer) ?? [])
    .filter(({ number }) => number < 8)
    .map(({ number, content }) => ({ number, text: content.toString() }))
}

function jsonBody(body: Value): unknown {
  const { body: stored } = check('logs', 'json', logsJson([{ logs: [{ body }] }]))
  return JSON.parse(stored.toString()).resourceLogs[0].scopeLogs[0].logRecords[0].body
}

const trees: [string, Tree, string][] = [
  ['an empty list', [], '[]'],
  ['an empty map', {}, '{}'],
  ['texts', ['node', '/app/job.ts', ''], '["node","/app/job.ts",""]'],
  ['one long text', ['x'.repeat(300)], `["${'x'.repeat(300)}"]`],
  [
    'integers with all their digits',
    [2n ** 63n - 1n, -(2n ** 63n), 0n],
    '[9223372036854775807,-9223372036854775808,0]',
  ],
  ['doubles as ECMAScript writes them', [1, 0.1, -0, 1e21, 1e-7, 5e-324], '[1,0.1,0,1e+21,1e-7,5e-324]'],
  ['what is no number', [NaN, Infinity, -Infinity], '["NaN","Infinity","-Infinity"]'],
  ['truth', [true, false], '[true,false]'],
  ['bytes as base64', [Buffer.from([0, 255]), Buffer.alloc(0)], '["AP8=",""]'],
  ['lists in lists', [[], [['x']], [{}]], '[[],[["x"]],[{}]]'],
  ['maps by the order of their keys', { b: 1n, a: { d: [], c: 'x' }, B: 2n }, '{"B":2,"a":{"c":"x","d":[]},"b":1}'],
  ['keys in the order of their bytes', { '\u{1f600}': 1n, '\uffee': 2n }, '{"\uffee":2,"\u{1f600}":1}'],
  ['keys that look like numbers', { '9': 1n, '10': 2n }, '{"10":2,"9":1}'],
  ['what needs an escape', ['"\\\n\u0001\u007f<&>é\u{1f600}'], '["\\"\\\\\\n\\u0001\u007f<&>é\u{1f600}"]'],
  ['line separators as Go writes them', ['\u2028\u2029'], '["\\u2028\\u2029"]'],
  ['many small things', Array.from({ length: 200 }, () => 1n), `[${Array(200).fill('1').join()}]`],
]

for (const [what, tree, text] of trees) {
  test(`makes a string of ${what}`, () => {
    expect(protobufBody(tree)).toEqual([{ number: 1, text }])
    expect(jsonBody(tree)).toEqual({ stringValue: text })
  })
}

test('writes no value as null, the last of equal keys, and a key that is missing as empty', () => {
  const map = bytes(6, ...keyValues(1, { a: 1n }), bytes(1, bytes(1, 'a')), bytes(1, bytes(2, anyValue(true))))
  const body = bytes(1, bytes(2, bytes(2, bytes(5, bytes(5, bytes(1), bytes(1, map))))))
  const [value] = inside(check('logs', 'protobuf', body).body, 1, 2, 2, 5, 1)
  expect(value?.toString()).toBe('[null,{"":true,"a":null}]')

  const json =
    '{"arrayValue":{"values":[{},{"kvlistValue":{"values":[{"key":"a","value":{"intValue":1}},{"key":"a"},{"value":{"boolValue":true}}]}}]}}'
  const sent = Buffer.from(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":${json}}]}]}]}`)
  expect(check('logs', 'json', sent).body.toString()).toContain(String.raw`"[null,{\"\":true,\"a\":null}]"`)
})

test.each([
  ['{"arrayValue":{"values":[{"intValue":1e21},{"intValue":"5"},{"doubleValue":"1e400"}]}}', '[1e+21,5,"Infinity"]'],
  [
    '{ "x":[1], "arrayValue" : { "values" : [ {"stringValue":"\\u0041\\/"} ], "y":{} } , "stringValue":null }',
    '["A/"]',
  ],
  ['{"kvlistValue":{"values":null}}', '{}'],
  [
    '{"arrayValue":{"values":[{"bytesValue":"AP8="},{"string_value":"x"},{"stringValue":"\\ud83d"}]}}',
    '["AP8=",null,"\ufffd"]',
  ],
])('makes a string of %s', (value, text) => {
  const sent = Buffer.from(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":${value}}]}]}]}`)
  const stored = JSON.parse(check('logs', 'json', sent).body.toString())
  expect(stored.resourceLogs[0].scopeLogs[0].logRecords[0].body).toEqual({ stringValue: text })
})

const tree: Attributes = { list: [1n, ['x']], n: 5n }
const flat: Attributes = { list: '[1,["x"]]', n: 5n }
const exemplar = (of: Attributes) => ({ timeNano: 1n, value: 1, attributes: of })
const spanOf = (of: Attributes) => [
  {
    resource: of,
    spans: [span({ attributes: of, events: [{ timeNano: 1n, attributes: of }], links: [{ attributes: of }] })],
  },
]
const metricOf = (of: Attributes) => [
  {
    resource: of,
    scope: { name: 's', attributes: of },
    metrics: [
      metric({ data: { kind: 'sum', points: [point({ attributes: of, exemplars: [exemplar(of)] })] } }),
      metric({ data: { kind: 'histogram', points: [{ attributes: of, exemplars: [exemplar(of)] }] } }),
      metric({ data: { kind: 'exponentialHistogram', points: [{ attributes: of, exemplars: [exemplar(of)] }] } }),
      metric({ data: { kind: 'summary', points: [{ attributes: of }] } }),
    ],
  },
]
const logOf = (of: Attributes, body: Value) => [
  { resource: of, scope: { attributes: of }, logs: [{ attributes: of, body }] },
]

test.each([
  ['traces', tracesJson(spanOf(tree)), tracesJson(spanOf(flat))],
  ['metrics', metricsJson(metricOf(tree)), metricsJson(metricOf(flat))],
  ['logs', logsJson(logOf(tree, [true])), logsJson(logOf(flat, '[true]'))],
] as const)('leaves no list in any attribute of %s in JSON', (signal, sent, expected) => {
  expect(JSON.parse(check(signal, 'json', sent).body.toString())).toEqual(JSON.parse(expected.toString()))
})

test.each([
  ['traces', traces(spanOf(tree)), traces(spanOf(flat))],
  ['metrics', metrics(metricOf(tree)), metrics(metricOf(flat))],
  ['logs', logs(logOf(tree, [true])), logs(logOf(flat, '[true]'))],
] as const)('leaves no list in any attribute of %s in protobuf', (signal, sent, expected) => {
  expect(canonical(check(signal, 'protobuf', sent).body)).toEqual(canonical(expected))
})

/** A message taken apart as far as it goes, without the fillers behind strings. */
function canonical(message: Buffer): unknown {
  const found = fields(message)
  if (found === null || message.length === 0) return message.toString('latin1')
  return found
    .filter(({ number, content }) => number !== 15 || content.some((byte) => byte !== 0))
    .map(({ number, wire, content }) => [number, wire === 2 ? canonical(content) : content.toString('hex')])
}

test('corrects the lengths around a string that is longer than its list', () => {
  const long: Attributes = { list: Array.from({ length: 30 }, () => 5e-324) }
  const expected: Attributes = { list: `[${Array(30).fill('5e-324').join()}]` }
  const sent = traces(spanOf({ ...long, other: 'x' }))
  const { body, items } = check('traces', 'protobuf', sent)
  expect(items).toBe(1)
  expect(canonical(body)).toEqual(canonical(traces(spanOf({ ...expected, other: 'x' }))))
})

const { value: anyTree } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.string({ unit: 'binary' }),
    fc.boolean(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.double(),
    fc.uint8Array({ maxLength: 5 }).map((some) => Buffer.from(some)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: 'binary' }), tie('value'), { maxKeys: 4 }),
  ),
}))

test('stores the same for any attributes in both encodings, and nothing but strings of trees', () => {
  const any = fc.dictionary(fc.string({ unit: 'grapheme' }), anyTree, { maxKeys: 4 })
  fc.assert(
    fc.property(any, attributes, (resource, of) => {
      const sent = (values: Attributes) => [{ resource: values, logs: [{ body: values, attributes: of }] }]
      const flatOf = flattened(of)
      const expected = [{ resource: flattened(resource), logs: [{ body: textOf(resource), attributes: flatOf }] }]
      const { body } = check('logs', 'protobuf', logs(sent(resource)))
      expect(canonical(body)).toEqual(canonical(logs(expected)))
      const json = check('logs', 'json', logsJson(sent(resource))).body.toString()
      expect(JSON.parse(json)).toEqual(JSON.parse(logsJson(expected).toString()))
    }),
    { numRuns: 300 },
  )
})

function flattened(values: Attributes): Attributes {
  const entries = Object.entries(values).map(([key, value]) => [key, isTree(value) ? textOf(value) : value])
  return Object.fromEntries(entries)
}

function isTree(value: Value): value is Tree {
  return typeof value === 'object' && !Buffer.isBuffer(value)
}

function textOf(value: Value): string {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number' && !Number.isFinite(value)) return `"${value}"`
  if (Buffer.isBuffer(value)) return JSON.stringify(value.toString('base64'))
  if (Array.isArray(value)) return `[${value.map(textOf).join(',')}]`
  if (typeof value !== 'object') {
    return JSON.stringify(value).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
  }
  const keys = Object.keys(value).sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
  return `{${keys.map((key) => `${textOf(key)}:${textOf(value[key] as Value)}`).join(',')}}`
}

test('returns the very body that was sent when there is nothing to replace', () => {
  const sent = traces([
    { resource: { a: 'b' }, spans: [span({ attributes: { d: 1.5, b: true, i: -1n, y: Buffer.from('x') } })] },
  ])
  const copy = Buffer.from(sent)
  expect(check('traces', 'protobuf', sent).body).toBe(sent)
  expect(sent).toEqual(copy)
})

test('refuses lists that would make a large body of a small one', () => {
  const list = bytes(5, bytes(1, bytes(1, Buffer.alloc(2_000_000, 1))))
  const body = bytes(1, bytes(2, bytes(2, bytes(5, list))))
  expect(() => check('logs', 'protobuf', body)).toThrow(/log_records\.body is too much: .* too many or too long/)
  const huge = bytes(1, bytes(2, bytes(2, bytes(5, bytes(5, bytes(1, bytes(1, Buffer.alloc(4_200_000, 97))))))))
  expect(() => check('logs', 'protobuf', huge)).toThrow(/log_records\.body is longer than the 4194304 bytes/)
})

test.each([
  ['an int behind a field nobody knows', Buffer.concat([number(9, 5), anyValue(-5n)]), '-5'],
  ['truth in front of one', Buffer.concat([anyValue(true), bytes(15, 'x')]), 'true'],
  ['a double with a wide tag', Buffer.concat([Buffer.from([0xa1, 0x00]), double(4, 1e21).subarray(1)]), '1e+21'],
  ['bytes with a wide tag', Buffer.concat([Buffer.from([0xba, 0x80, 0x00]), bytes(7, 'x').subarray(1)]), 'eA=='],
  ['a text with a wide tag', Buffer.concat([Buffer.from([0x8a, 0x00]), bytes(1, 'x').subarray(1)]), 'x'],
  ['nothing but a field nobody knows', number(9, 5), ''],
])('makes a string of %s, as the views expect one scalar', (_, value, text) => {
  const stored = check(
    'logs',
    'protobuf',
    bytes(1, bytes(2, bytes(2, bytes(5, value), bytes(6, bytes(2, value))))),
  ).body
  expect(inside(stored, 1, 2, 2, 5)).toEqual([bytes(1, text)])
  expect(inside(stored, 1, 2, 2, 6, 2)).toEqual([bytes(1, text)])
})

test('still refuses what is wrong inside a list', () => {
  const inList = (...value: Buffer[]) => bytes(1, bytes(2, bytes(2, bytes(5, bytes(5, bytes(1, ...value))))))
  expect(() => check('logs', 'protobuf', inList(number(2, 2)))).toThrow(
    /body\.array_value\.values\.bool_value must be 0 or 1/,
  )
  expect(() => check('logs', 'protobuf', inList(double(4, 1), double(4, 1)))).toThrow(/second value/)
})
