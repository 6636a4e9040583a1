import { expect, test } from 'vitest'
import { check } from '#ingest/check/check.ts'
import { BadInput } from '#model/errors.ts'
import { anyValue, bytes, fixed32, fixed64, number, TRACE_ID, type Value } from '#test/ingest/otlp.ts'
import { type LogText, log, logFields, logs, logsJson } from '#test/ingest/otlp-logs.ts'

const recordOf = (...fields: Buffer[]) => bytes(1, bytes(2, bytes(2, ...fields)))
const protobuf = (body: Buffer) => check('logs', 'protobuf', Buffer.from(body))
const json = (text: string) => check('logs', 'json', Buffer.from(text))

const everything = { s: 'x', b: true, i: -1n, d: 0.5, y: Buffer.from('x'), l: [], m: {} } satisfies Record<
  string,
  Value
>

const accepted: [string, LogText][] = [
  ['a record', log()],
  ['a record without anything', {}],
  ['a record that has everything', log({ attributes: everything, flags: 0xffffffff, eventName: 'cycle.started' })],
  ['a clock at the end of time', log({ timeNano: 2n ** 64n - 1n, observedNano: 0n })],
  ['a severity nobody knows', log({ severityNumber: 2 ** 31 - 1 })],
  ['no ids, as most records have', log({ traceId: '', spanId: '' })],
  ['ids of the wrong length, which are stored as none', log({ traceId: TRACE_ID.slice(2), spanId: 'ab' })],
  ...Object.values(everything).map((body): [string, LogText] => [`${typeof body} ${String(body)} as body`, { body }]),
]

for (const [what, record] of accepted) {
  test(`accepts ${what}`, () => {
    const sent = [{ logs: [record] }, { logs: [] }]
    expect(protobuf(logs(sent))).toMatchObject({ items: 1, rejected: 0, reason: null })
    expect(json(logsJson(sent).toString())).toMatchObject({ items: 1, rejected: 0, reason: null })
  })
}

test('accepts a body without a value', () => {
  expect(protobuf(recordOf(bytes(5)))).toMatchObject({ items: 1, reason: null })
  const text = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{}},{"body":null}]}]}]}'
  expect(json(text)).toMatchObject({ items: 2, reason: null })
})

const refusals: [string, Buffer, RegExp][] = [
  [
    'a time that is a varint',
    recordOf(number(1, 5)),
    /^resource_logs\.scope_logs\.log_records\.time_unix_nano has wire type 0 instead of 1 \(at byte 6\)$/,
  ],
  ['an observed time of 4 bytes', recordOf(fixed32(11, 5)), /observed_time_unix_nano has wire type 5 instead of 1/],
  ['flags that are a varint', recordOf(number(8, 1)), /flags has wire type 0 instead of 5/],
  ['flags that are cut', recordOf(fixed32(8, 1).subarray(0, 3)), /log_records\.flags ends too early/],
  ['a severity beyond 32 bits', recordOf(number(2, 2 ** 31)), /severity_number does not fit into 32 bits/],
  ['two bodies', recordOf(bytes(5), bytes(5)), /log_records\.body is a second value/],
  ['a body of two values', recordOf(bytes(5, anyValue('a'), anyValue(1n))), /body\.int_value is a second value/],
  [
    'a body of a text and a list',
    recordOf(bytes(5, anyValue('a'), anyValue([]))),
    /body\.array_value is a second value/,
  ],
  ['a body that is no value', recordOf(bytes(5, 'hello')), /log_records\.body/],
  ['a body of text', recordOf(number(5, 1)), /body has wire type 0 instead of 2/],
  ['truth of 2', recordOf(bytes(5, number(2, 2))), /body\.bool_value must be 0 or 1/],
  ['two trace ids', recordOf(...logFields({ traceId: TRACE_ID }), bytes(9)), /trace_id is a second value/],
  ['an event name that is a number', recordOf(fixed64(12, 1n)), /event_name has wire type 1 instead of 2/],
  [
    'a dropped count beyond 32 bits',
    bytes(1, bytes(2, bytes(1, number(4, 2 ** 32)))),
    /scope\.dropped_attributes_count does not fit/,
  ],
]

for (const [what, body, reason] of refusals) {
  test(`refuses ${what}`, () => {
    expect(() => protobuf(body)).toThrow(BadInput)
    expect(() => protobuf(body)).toThrow(reason)
  })
}

const jsonRecord = (members: string) => `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{${members}}]}]}]}`

const jsonRefusals: [string, string, RegExp][] = [
  [
    'a name for a severity',
    jsonRecord('"severityNumber":"SEVERITY_NUMBER_INFO"'),
    /^resourceLogs\.scopeLogs\.logRecords\.severityNumber must be a number, not a name or a text/,
  ],
  ['a body that is a text', jsonRecord('"body":"hello"'), /logRecords\.body has '"' where an object should be/],
  ['a body of two values', jsonRecord('"body":{"stringValue":"a","intValue":1}'), /body\.intValue is a second value/],
  ['flags beyond 32 bits', jsonRecord('"flags":4294967296'), /flags is beyond 4294967295/],
  [
    'a negative time',
    jsonRecord('"observedTimeUnixNano":"-1"'),
    /observedTimeUnixNano must be a whole number that is not/,
  ],
  ['a number for an id', jsonRecord('"spanId":1'), /spanId has '1' where a string should be/],
  ['a number for an event name', jsonRecord('"eventName":1'), /eventName has '1' where a string should be/],
  [
    'null among records',
    '{"resourceLogs":[{"scopeLogs":[{"logRecords":[null]}]}]}',
    /logRecords has 'n' where an object/,
  ],
]

for (const [what, text, reason] of jsonRefusals) {
  test(`refuses ${what} in JSON`, () => {
    expect(() => json(text)).toThrow(BadInput)
    expect(() => json(text)).toThrow(reason)
  })
}

test('warns of a key in snake_case', () => {
  expect(json(jsonRecord('"event_name":"x"')).reason).toBe(
    'the key event_name was ignored: OTLP JSON spells it eventName',
  )
})
