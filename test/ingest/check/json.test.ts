import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkJson } from '#ingest/check/json.ts'
import { BadInput } from '#model/errors.ts'
import { requests, SPAN_ID, span, spanJson, TRACE_ID, tracesJson } from '#test/ingest/otlp.ts'

/** One span that is stored, with this text behind its own members. */
const spanWith = (members: string) =>
  `{"resourceSpans":[{"scopeSpans":[{"spans":[${JSON.stringify(spanJson(span())).slice(0, -1)}${members}}]}]}]}`
const attribute = (value: string) => spanWith(`,"attributes":[{"key":"a","value":${value}}]`)
const check = (text: string) => checkJson('traces', Buffer.from(text, 'latin1'))

const accepted: Record<string, string> = {
  'an unknown key': spanWith(',"color":{"a":[1,-2.5e-3,true,false,null,"\\u00e9\\n"]},"flags":257'),
  'an unknown key twice': spanWith(',"x":1,"x":2'),
  'null for anything but the items of a list': spanWith(
    ',"kind":null,"attributes":null,"events":null,"status":null,"parentSpanId":null',
  ),
  'null for a value': attribute('null'),
  'a value without a member': attribute('{}'),
  'null beside the member of a value': attribute('{"stringValue":"x","intValue":null}'),
  'white space around everything': ` \r\n\t${JSON.stringify(JSON.parse(spanWith('')), null, 2)}\n`,
  'the largest int64 as number': attribute('{"intValue":9223372036854775807}'),
  'the smallest int64 as text': attribute('{"intValue":"-9223372036854775808"}'),
  'a whole number too large for an int64, as the JavaScript SDK writes it': attribute('{"intValue":1e+21}'),
  'the largest fixed64': spanWith(',"events":[{"timeUnixNano":18446744073709551615}]'),
  'a double with exponent': attribute('{"doubleValue":-1.5E+3}'),
  'a double as text': attribute('{"doubleValue":"1.5e3"}'),
  'doubles that are no numbers': attribute(
    '{"arrayValue":{"values":[{"doubleValue":"NaN"},{"doubleValue":"-Infinity"}]}}',
  ),
  'bytes as base64': attribute('{"bytesValue":"AP8="}'),
  'nested lists and maps': attribute(
    '{"kvlistValue":{"values":[{"key":"k","value":{"arrayValue":{"values":[{"boolValue":true},{}]}}}]}}',
  ),
  'lists 40 deep': attribute(`${'{"arrayValue":{"values":['.repeat(40)}${']}}'.repeat(40)}`),
  'invalid UTF-8 in values and keys': spanWith(',"traceState":"\xff\xfe","\xff":"\xc3"'),
  'an id in upper case': spanWith('').replace(TRACE_ID, TRACE_ID.toUpperCase()),
  'an id written with escapes': spanWith('').replace(`"${TRACE_ID}"`, `"\\u0030${TRACE_ID.slice(1)}"`),
  'an end before the start': spanWith('').replace(/"endTimeUnixNano":"\d+"/, '"endTimeUnixNano":5'),
  'the same attribute twice': spanWith(',"attributes":[{"key":"a"},{"key":"a"}]'),
  '10,000 attributes': spanWith(`,"attributes":[${'{"key":"a","value":{"intValue":"1"}},'.repeat(9_999)}{}]`),
}

for (const [what, text] of Object.entries(accepted)) {
  test(`accepts ${what}`, () => expect(check(text)).toMatchObject({ items: 1, rejected: 0, reason: null }))
}

const empty = [
  '{}',
  '{"resourceSpans":[]}',
  '{"resourceSpans":null}',
  '{"resourceSpans":[{"scopeSpans":[{}]}]}',
  '{"x":1}',
]
test.each(empty)('accepts %s as an empty request', (text) =>
  expect(check(text)).toMatchObject({ items: 0, rejected: 0, reason: null }),
)

const rejected: Record<string, string> = {
  'without ids': '{"name":"n"}',
  'with null for an id': `{"traceId":null,"spanId":"${SPAN_ID}"}`,
  'with a short trace id': `{"traceId":"${TRACE_ID.slice(1)}","spanId":"${SPAN_ID}"}`,
  'with a long span id': `{"traceId":"${TRACE_ID}","spanId":"${SPAN_ID}0"}`,
  'with ids in base64': '{"traceId":"CvdlGRbNQ92ESOshHIAxnA==","spanId":"t61rcWkgMzE="}',
  'with a letter that is no hex digit': `{"traceId":"${TRACE_ID.replace('a', 'g')}","spanId":"${SPAN_ID}"}`,
  'with a trace id of zeros': `{"traceId":"${'0'.repeat(32)}","spanId":"${SPAN_ID}"}`,
  'with a span id of zeros': `{"traceId":"${TRACE_ID}","spanId":"${'0'.repeat(16)}"}`,
}

for (const [what, text] of Object.entries(rejected)) {
  test(`rejects a span ${what} and no other`, () => {
    const whole = JSON.stringify(spanJson(span()))
    const {
      reason,
      items,
      rejected: lost,
    } = check(`{"resourceSpans":[{"scopeSpans":[{"spans":[${whole},${text},${whole}]}]}]}`)
    expect([items, lost]).toEqual([3, 1])
    expect(reason).toMatch(/^1 of 3 spans were not stored \(the first at byte \d+\): a trace id has .*32 hex digits/)
  })
}

const refusals: [string, string, RegExp][] = [
  ['an empty body', '', /the body is empty; an empty request is \{\}/],
  ['white space', ' \n', /^the body ends where an object should be/],
  ['a byte order mark', '\xef\xbb\xbf{}', /begins with a byte order mark/],
  ['a list', '[{"resourceSpans":[]}]', /^the body has '\[' where an object should be \(at byte 0\)/],
  ['a scalar', '5', /has '5' where an object should be/],
  ['null', 'null', /has 'n' where an object should be/],
  ['two documents', '{}\n{}', /something behind the end of the request/],
  ['text behind the document', '{};', /something behind the end/],
  ['protobuf', '\n\x12\x12\x10', /byte 0x12 where an object should be/],
  ['a cut document', '{"resourceSpans":[{', /resourceSpans ends where a string should be/],
  ['a comma too many', '{"resourceSpans":[],}', /has '\}' where a string should be/],
  ['single quotes', "{'a':1}", /has ''' where a string should be/],
  ['a comment', '{/* x */}', /has '\/' where a string should be/],
  ['a control character', spanWith(',"traceState":"a\tb"'), /control character \(9\) in a string/],
  ['an unknown escape', spanWith(',"traceState":"\\x41"'), /unknown escape/],
  ['half an escape', spanWith(',"traceState":"\\u12"'), /without four hex digits/],
  ['a leading zero', spanWith(',"kind":01'), /malformed number/],
  ['a number without digits', spanWith(',"x":-'), /malformed number/],
  ['NaN without quotes', spanWith(',"x":NaN'), /has 'N' where a value should be/],
  ['a map for attributes', spanWith(',"attributes":{"a":"b"}'), /spans\.attributes has '\{' where a list should be/],
  ['a list for an object', spanWith(',"status":[1]'), /spans\.status has '\[' where an object should be/],
  ['a text for a value', attribute('"x"'), /attributes\.value has '"' where an object should be/],
  [
    'null in a list of spans',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[null]}]}]}',
    /scopeSpans\.spans has 'n' where an object/,
  ],
  ['null in a list of events', spanWith(',"events":[null]'), /spans\.events has 'n' where an object/],
  ['a number for a text', spanWith(',"traceState":5'), /spans\.traceState has '5' where a string should be/],
  [
    'a number for an id',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":5}]}]}]}',
    /traceId has '5' where a string/,
  ],
  ['the name of an enum', spanWith(',"kind":"SPAN_KIND_CLIENT"'), /spans\.kind must be a number, not a name or a text/],
  ['the name of a status code', spanWith(',"status":{"code":"STATUS_CODE_ERROR"}'), /status\.code must be a number/],
  ['an enum with a fraction', spanWith(',"kind":3.0'), /spans\.kind must be a whole number of 32 bits/],
  ['an enum beyond 32 bits', spanWith(',"kind":2147483648'), /must be a whole number of 32 bits/],
  [
    'an int64 beyond its range',
    attribute('{"intValue":"9223372036854775808"}'),
    /intValue is beyond 9223372036854775807/,
  ],
  ['an int64 below its range', attribute('{"intValue":"-9223372036854775809"}'), /beyond -9223372036854775808/],
  ['an int64 with an exponent', attribute('{"intValue":"1e21"}'), /intValue must be a whole number, in digits only/],
  ['an int64 with a fraction', attribute('{"intValue":"1.0"}'), /in digits only/],
  ['an int64 with a plus', attribute('{"intValue":"+5"}'), /has '\+' where a number should be/],
  ['an int64 with a space', attribute('{"intValue":" 5"}'), /where a number should be/],
  ['an empty int64', attribute('{"intValue":""}'), /where a number should be/],
  ['words behind an int64', attribute('{"intValue":"5 apples"}'), /where the end of the number should be/],
  [
    'a negative time',
    spanWith(',"events":[{"timeUnixNano":-1}]'),
    /timeUnixNano must be a whole number that is not negative/,
  ],
  [
    'a time beyond 64 bits',
    spanWith(',"events":[{"timeUnixNano":"18446744073709551616"}]'),
    /beyond 18446744073709551615/,
  ],
  ['a time as a date', spanWith(',"events":[{"timeUnixNano":"2026-01-01T00:00:00Z"}]'), /the end of the number/],
  ['a bool as text', attribute('{"boolValue":"true"}'), /boolValue has '"' where true or false should be/],
  ['a bool as number', attribute('{"boolValue":1}'), /where true or false should be/],
  ['a double as word', attribute('{"doubleValue":"high"}'), /doubleValue has 'h' where a number should be/],
  ['bytes that are not base64', attribute('{"bytesValue":"a b"}'), /bytesValue must be base64/],
  [
    'two members of a value',
    attribute('{"stringValue":"x","intValue":5}'),
    /intValue is a second value where one is allowed/,
  ],
  ['a key twice', spanWith(',"kind":1,"kind":2'), /spans\.kind is given twice/],
  ['a known key in escapes', spanWith(',"\\u006bind":1'), /has the key kind written with escapes/],
  ['lists 10,000 deep', attribute('{"arrayValue":{"values":['.repeat(10_000)), /nested more than 150 deep/],
  ['unknown lists 100,000 deep', spanWith(`,"x":${'['.repeat(100_000)}`), /nested more than 150 deep/],
  ['unknown objects 100,000 deep', spanWith(`,"x":${'{"a":'.repeat(100_000)}`), /nested more than 150 deep/],
]

for (const [what, text, reason] of refusals) {
  test(`refuses ${what}`, () => {
    expect(() => check(text)).toThrow(BadInput)
    expect(() => check(text)).toThrow(reason)
  })
}

test.each([
  ['{"resource_spans":[{"scope_spans":[]}]}', 'the key resource_spans was ignored: OTLP JSON spells it resourceSpans'],
  [
    spanWith(',"start_time_unix_nano":"5"'),
    'the key start_time_unix_nano was ignored: OTLP JSON spells it startTimeUnixNano',
  ],
  [attribute('{"string_value":"x"}'), 'the key string_value was ignored: OTLP JSON spells it stringValue'],
])('warns of a key in snake_case: %s', (text, warning) =>
  expect(check(text)).toMatchObject({ rejected: 0, reason: warning }),
)

test('names the rejection and the misspelled key when ids are spelled in snake_case', () => {
  const { reason } = check(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"trace_id":"${TRACE_ID}"}]}]}]}`)
  expect(reason).toMatch(/^1 of 1 spans were not stored .*; the key trace_id was ignored: OTLP JSON spells it traceId$/)
})

test.each([
  ['a high half', '"a\\ud83d"', '"a\\ufffd"'],
  ['a low half', '"\\uDE00b"', '"\\ufffdb"'],
  ['two high halves', '"\\ud83d\\ud83d\\ude00"', '"\\ufffd\\ud83d\\ude00"'],
  ['a high half in front of another escape', '"\\ud83d\\""', '"\\ufffd\\""'],
  ['a whole pair', '"\\ud83d\\ude00"', '"\\ud83d\\ude00"'],
])('overwrites %s of a surrogate pair with U+FFFD', (_, sent, handedOn) => {
  const body = Buffer.from(spanWith(`,"traceState":${sent}`))
  checkJson('traces', body)
  expect(body.toString()).toBe(spanWith(`,"traceState":${handedOn}`))
})

test('returns or throws BadInput for any text', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (any) => void survives(Buffer.from(any))),
    { numRuns: 1_000 },
  )
  fc.assert(
    fc.property(fc.json(), (any) => void survives(Buffer.from(any))),
    { numRuns: 300 },
  )
})

test('returns or throws BadInput for any damage to a request', () => {
  const damage = fc.record({ sent: requests, at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) })
  fc.assert(
    fc.property(damage, ({ sent, at, byte }) => {
      const body = tracesJson(sent)
      body[at % body.length] = byte
      survives(body)
    }),
    { numRuns: 1_000 },
  )
})

test('accepts nothing that JSON.parse refuses', () => {
  const damage = fc.record({
    sent: requests,
    at: fc.nat(),
    length: fc.integer({ min: 0, max: 3 }),
    put: fc.string({ maxLength: 2 }),
  })
  fc.assert(
    fc.property(damage, ({ sent, at, length, put }) => {
      const text = tracesJson(sent).toString()
      const from = at % text.length
      const body = Buffer.from(text.slice(0, from) + put + text.slice(from + length))
      if (survives(body)) expect(() => JSON.parse(body.toString())).not.toThrow()
    }),
    { numRuns: 2_000 },
  )
})

test('counts the spans of any request', () => {
  fc.assert(
    fc.property(requests, (sent) => {
      const spans = sent.flatMap((one) => one.spans)
      const bad = spans.filter(({ traceId }) => traceId?.length !== 32).length
      expect(checkJson('traces', tracesJson(sent))).toMatchObject({ items: spans.length, rejected: bad })
    }),
  )
})

test('refuses every truncation of a request', () => {
  const whole = tracesJson([{ resource: { a: 1n }, spans: [span({ attributes: { d: 1.5, l: ['x'], b: true } })] }])
  for (let length = 0; length < whole.length; length++) {
    expect(() => checkJson('traces', Buffer.from(whole.subarray(0, length)))).toThrow(BadInput)
  }
})

function survives(body: Buffer): boolean {
  try {
    const { items, rejected } = checkJson('traces', body)
    expect(rejected).toBeLessThanOrEqual(items)
    return true
  } catch (error) {
    expect(error).toBeInstanceOf(BadInput)
    return false
  }
}
