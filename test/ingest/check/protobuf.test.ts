import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkProtobuf } from '#ingest/check/protobuf.ts'
import { BadInput } from '#model/errors.ts'
import {
  anyValue,
  bytes,
  double,
  fixed32,
  fixed64,
  keyValues,
  number,
  requests,
  span,
  spanFields,
  traces,
  type Value,
  varint,
} from '#test/ingest/otlp.ts'

const check = (body: Buffer) => checkProtobuf('traces', body)
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
/** One span that is stored, with these fields behind its own. */
const spanWith = (...fields: Buffer[]) => bytes(1, bytes(2, bytes(2, ...spanFields(span()), ...fields)))
const attribute = (...value: Buffer[]) => spanWith(bytes(9, bytes(1, 'a'), bytes(2, ...value)))

function nested(value: Value, levels: number): Value {
  return levels === 0 ? value : nested([value], levels - 1)
}

const accepted: [string, Buffer, { items: number; rejected: number }][] = [
  ['an empty body', Buffer.alloc(0), { items: 0, rejected: 0 }],
  ['empty envelopes', Buffer.concat([bytes(1), bytes(1, bytes(2))]), { items: 0, rejected: 0 }],
  ['a span', spanWith(), { items: 1, rejected: 0 }],
  ['two requests in a row', Buffer.concat([spanWith(), spanWith()]), { items: 2, rejected: 0 }],
  ['every kind of value', traces([{ spans: [span({ attributes: everyKind() })] }]), { items: 1, rejected: 0 }],
  ['10,000 attributes', traces([{ spans: [span({ attributes: tenThousand() })] }]), { items: 1, rejected: 0 }],
  ['a value without a member', attribute(), { items: 1, rejected: 0 }],
  [
    'a value in front of its key',
    spanWith(bytes(9, bytes(2, anyValue('v')), bytes(1, 'k'))),
    { items: 1, rejected: 0 },
  ],
  [
    'the same attribute twice',
    spanWith(...keyValues(9, { a: 1n }), ...keyValues(9, { a: 2n })),
    { items: 1, rejected: 0 },
  ],
  ['invalid UTF-8', spanWith(bytes(3, hex('fffe61'))), { items: 1, rejected: 0 }],
  ['an end before the start', traces([{ spans: [span({ endNano: 5n })] }]), { items: 1, rejected: 0 }],
  ['a clock at the end of time', traces([{ spans: [span({ startNano: 2n ** 64n - 1n })] }]), { items: 1, rejected: 0 }],
  [
    'fields nobody knows',
    spanWith(number(100, 5), bytes(101, 'x'), fixed32(102, 1), fixed64(103, 1n)),
    { items: 1, rejected: 0 },
  ],
  ['fields that are not stored', spanWith(number(10, 5), fixed32(16, 0x101)), { items: 1, rejected: 0 }],
  ['a negative kind', spanWith(number(6, -1)), { items: 1, rejected: 0 }],
  ['a bool of two bytes', attribute(hex('10 8100')), { items: 1, rejected: 0 }],
  ['lists 40 deep', traces([{ spans: [span({ attributes: { a: nested('x', 40) } })] }]), { items: 1, rejected: 0 }],
  ['a span without ids', traces([{ spans: [{ name: 'n' }, span()] }]), { items: 2, rejected: 1 }],
  ['a trace id of 15 bytes', traces([{ spans: [span({ traceId: 'ab'.repeat(15) })] }]), { items: 1, rejected: 1 }],
  ['a trace id of zeros', traces([{ spans: [span({ traceId: '00'.repeat(16) })] }]), { items: 1, rejected: 1 }],
  ['a span id of 9 bytes', traces([{ spans: [span({ spanId: 'ab'.repeat(9) })] }]), { items: 1, rejected: 1 }],
  ['a span id of zeros', traces([{ spans: [span({ spanId: '00'.repeat(8) })] }]), { items: 1, rejected: 1 }],
  [
    'good and bad spans mixed',
    traces([{ spans: [span(), { name: 'n' }, span()] }, { spans: [{}] }]),
    { items: 4, rejected: 2 },
  ],
]

for (const [what, body, counts] of accepted) {
  test(`accepts ${what}`, () => expect(check(body)).toMatchObject(counts))
}

const refusals: [string, Buffer, RegExp][] = [
  ['text', Buffer.from('hello world'), /^the body holds a field of wire type 4; .* \(at byte 2\)/],
  ['JSON', Buffer.from('{"resourceSpans":[]}'), /wire type|number/],
  ['a body cut in a tag', Buffer.concat([spanWith(), hex('80')]), /ends in the middle of a number \(at byte \d+\)/],
  [
    'a body cut in a fixed64',
    bytes(1, bytes(2, bytes(2, hex('39 0000')))),
    /spans\.start_time_unix_nano ends too early/,
  ],
  [
    'a length beyond the body',
    spanWith(hex('1a 7f')),
    /spans\.trace_state should be longer than the 0 bytes that are left/,
  ],
  [
    'a length beyond its message',
    bytes(1, bytes(2, hex('12 20')), bytes(3, 'x'.repeat(40))),
    /scope_spans\.spans should be longer/,
  ],
  ['a length of 2^31', spanWith(hex('1a'), varint(2 ** 31)), /should be longer/],
  ['a length of 2^63', spanWith(hex('1a'), varint(2n ** 63n)), /should be longer/],
  ['a negative length', spanWith(hex('1a'), varint(-1n)), /should be longer/],
  ['a number of 11 bytes', spanWith(hex('a006 ffffffffffffffffffff01')), /more than 64 bits/],
  [
    'a tenth byte other than 1',
    spanWith(hex('30 ffffffffffffffffff7f')),
    /spans\.kind holds a number of more than 64 bits/,
  ],
  ['a group', spanWith(hex('a306 a406')), /wire type 3; allowed are 0, 1, 2 and 5/],
  ['the end of a group', spanWith(hex('a406')), /wire type 4/],
  ['wire type 6', spanWith(hex('a606')), /wire type 6/],
  ['field number 0', Buffer.from([0, 1]), /impossible number \(at byte 0\)/],
  ['field number 2^29', spanWith(varint(2n ** 32n), hex('01')), /impossible number/],
  [
    'a name that is a number',
    spanWith(number(3, 3)),
    /resource_spans\.scope_spans\.spans\.trace_state has wire type 0 instead of 2/,
  ],
  [
    'a start that is a varint',
    bytes(1, bytes(2, bytes(2, number(7, 3)))),
    /start_time_unix_nano has wire type 0 instead of 1/,
  ],
  ['a packed kind', spanWith(bytes(6, hex('03'))), /kind has wire type 2 instead of 0/],
  ['an attribute that is a number', spanWith(number(9, 5)), /attributes has wire type 0/],
  ['a kind beyond 32 bits', spanWith(number(6, 2 ** 31)), /kind does not fit into 32 bits/],
  ['a kind of five bytes of ones', spanWith(hex('30 ffffffff0f')), /kind does not fit into 32 bits/],
  ['a bool of 2', attribute(number(2, 2)), /attributes\.value\.bool_value must be 0 or 1/],
  ['a bool of 2^32', attribute(number(2, 2n ** 32n)), /must be 0 or 1/],
  ['a double that is a varint', attribute(number(4, 1)), /double_value has wire type 0 instead of 1/],
  [
    'two members of a value',
    attribute(anyValue('s'), anyValue(5n)),
    /int_value is a second value where one is allowed/,
  ],
  ['one member of a value twice', attribute(double(4, 1), double(4, 2)), /second value/],
  ['two names', spanWith(bytes(5, 'again')), /spans\.name is a second value/],
  ['two trace ids', spanWith(bytes(1, Buffer.alloc(16, 1))), /trace_id is a second value/],
  ['two values of a key', spanWith(bytes(9, bytes(1, 'k'), bytes(2), bytes(2))), /attributes\.value is a second value/],
  ['junk inside a list', attribute(bytes(5, hex('ff'))), /array_value ends in the middle of a number/],
  ['lists 10,000 deep', attribute(deepList(10_000)), /nested more than 100 messages deep/],
]

for (const [what, body, reason] of refusals) {
  test(`refuses ${what}`, () => {
    expect(() => check(body)).toThrow(BadInput)
    expect(() => check(body)).toThrow(reason)
  })
}

test('says how many spans are rejected, where the first is, and why', () => {
  const { reason } = check(traces([{ spans: [span(), { name: 'n' }, {}] }]))
  expect(reason).toMatch(/^2 of 3 spans were not stored \(the first at byte \d+\): a trace id has 16 bytes/)
})

test('returns or throws BadInput for any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (any) => survives(Buffer.from(any))),
    { numRuns: 1_000 },
  )
})

test('returns or throws BadInput for any damage to a request', () => {
  const damage = fc.record({ sent: requests, at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) })
  fc.assert(
    fc.property(damage, ({ sent, at, byte }) => {
      const body = traces(sent)
      if (body.length > 0) body[at % body.length] = byte
      survives(body)
    }),
    { numRuns: 1_000 },
  )
})

test('counts the spans of any request', () => {
  fc.assert(
    fc.property(requests, (sent) => {
      const spans = sent.flatMap((one) => one.spans)
      const rejected = spans.filter(({ traceId }) => traceId?.length !== 32).length
      expect(check(traces(sent))).toMatchObject({ items: spans.length, rejected })
    }),
  )
})

test('refuses every truncation of a request unless it falls between two resources', () => {
  const one = traces([{ resource: { a: 'b' }, spans: [span({ attributes: everyKind() })] }])
  const two = Buffer.concat([one, one])
  for (let length = 0; length <= two.length; length++) {
    const cut = two.subarray(0, length)
    if (length % one.length === 0) expect(check(cut).items).toBe(length / one.length)
    else expect(() => check(cut)).toThrow(BadInput)
  }
})

function survives(body: Buffer): void {
  try {
    const { items, rejected } = check(body)
    expect(rejected).toBeLessThanOrEqual(items)
  } catch (error) {
    expect(error).toBeInstanceOf(BadInput)
  }
}

function everyKind(): Record<string, Value> {
  return {
    s: 'text',
    b: false,
    i: -(2n ** 63n),
    d: -0,
    l: ['x', 1n, [], { k: true }],
    m: { k: 'v' },
    y: Buffer.from([0, 255]),
    e: '',
  }
}

function tenThousand(): Record<string, Value> {
  return Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key.${index}`, BigInt(index)]))
}

function deepList(levels: number): Buffer {
  let value = anyValue('x')
  for (let level = 0; level < levels; level++) value = bytes(5, bytes(1, value))
  return value
}
