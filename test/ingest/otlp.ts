// Bodies of POST /v1/traces for tests: one description, both encodings. The pieces are exported for the other signals,
// and so that a test can also build what no sender should send.

import fc from 'fast-check'

/** A value as JavaScript has it: bigint is an int64, number a double, a list an array, an object a key-value list. */
export type Value = string | boolean | bigint | number | Buffer | Value[] | { [key: string]: Value }
export type Attributes = Record<string, Value>

export type SpanText = {
  /** Hex; 32, 16 and 16 digits in a span that is to be stored. */
  traceId?: string
  spanId?: string
  parentSpanId?: string
  traceState?: string
  name?: string
  kind?: number
  startNano?: bigint
  endNano?: bigint
  attributes?: Attributes
  events?: { timeNano?: bigint; name?: string; attributes?: Attributes }[]
  links?: { traceId?: string; spanId?: string; traceState?: string; attributes?: Attributes }[]
  status?: { message?: string; code?: number }
}
export type Sent = { resource?: Attributes; scope?: { name: string; version?: string }; spans: SpanText[] }

export const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
export const SPAN_ID = 'b7ad6b7169203331'
export const START = 1_700_000_000_000_000_000n

/** A span that is stored, with what the test wants to be different. */
export function span(different: SpanText = {}): SpanText {
  return {
    traceId: TRACE_ID,
    spanId: SPAN_ID,
    name: 'GET',
    startNano: START,
    endNano: START + 250_000_000n,
    ...different,
  }
}

/** Of every kind a sender could give them. */
export const attributes: fc.Arbitrary<Attributes> = fc.dictionary(
  fc.string(),
  fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.boolean(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.double(),
    fc.array(fc.string(), { maxLength: 3 }),
    fc.dictionary(fc.string(), fc.boolean(), { maxKeys: 3 }),
    fc.uint8Array({ maxLength: 5 }).map((some) => Buffer.from(some)),
  ),
  { maxKeys: 5 },
)
export const nanos = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })

/** Any requests a sender could send; a trace id that is not 32 digits long makes its span a rejected one. */
export const requests: fc.Arbitrary<Sent[]> = fc.array(
  fc.record({
    resource: attributes,
    spans: fc.array(
      fc.record({
        traceId: fc.constantFrom(TRACE_ID, TRACE_ID.toUpperCase(), '', 'ab'),
        spanId: fc.constant(SPAN_ID),
        name: fc.string(),
        kind: fc.integer({ min: 0, max: 5 }),
        startNano: nanos,
        endNano: nanos,
        attributes,
        events: fc.array(fc.record({ timeNano: nanos, name: fc.string(), attributes }), { maxLength: 2 }),
        links: fc.array(fc.record({ traceId: fc.constant(TRACE_ID), attributes }), { maxLength: 2 }),
        status: fc.record({ message: fc.string(), code: fc.integer({ min: 0, max: 2 }) }),
      }),
      { maxLength: 3 },
    ),
  }),
  { maxLength: 3 },
)

export function varint(value: number | bigint): Buffer {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return Buffer.from([...bytes, Number(rest)])
}

/** A field of wire type 0. */
export function number(field: number, value: number | bigint): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)])
}

/** A field of wire type 1. */
export function fixed64(field: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return Buffer.concat([varint((field << 3) | 1), bytes])
}

export function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return Buffer.concat([varint((field << 3) | 1), bytes])
}

/** A field of wire type 5. */
export function fixed32(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return Buffer.concat([varint((field << 3) | 5), bytes])
}

/** A field of wire type 2: text, bytes, or a message made of its fields. */
export function bytes(field: number, ...content: (Buffer | string)[]): Buffer {
  const whole = Buffer.concat(content.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
  return Buffer.concat([varint((field << 3) | 2), varint(whole.length), whole])
}

/** The request as protobuf, fields in the order of the schema. */
export function traces(sent: Sent[]): Buffer {
  return Buffer.concat(
    sent.map(({ resource, scope, spans }) =>
      bytes(
        1,
        bytes(1, ...keyValues(1, resource)),
        bytes(2, ...scopeFields(scope), ...spans.map((one) => bytes(2, ...spanFields(one)))),
      ),
    ),
  )
}

function scopeFields(scope: Sent['scope']): Buffer[] {
  return scope ? [bytes(1, bytes(1, scope.name), bytes(2, scope.version ?? ''))] : []
}

/** The fields of one Span. */
export function spanFields(one: SpanText): Buffer[] {
  return [
    ...some(one.traceId, (hex) => bytes(1, Buffer.from(hex, 'hex'))),
    ...some(one.spanId, (hex) => bytes(2, Buffer.from(hex, 'hex'))),
    ...some(one.traceState, (text) => bytes(3, text)),
    ...some(one.parentSpanId, (hex) => bytes(4, Buffer.from(hex, 'hex'))),
    ...some(one.name, (text) => bytes(5, text)),
    ...some(one.kind, (code) => number(6, code)),
    ...some(one.startNano, (nano) => fixed64(7, nano)),
    ...some(one.endNano, (nano) => fixed64(8, nano)),
    ...keyValues(9, one.attributes),
    ...(one.events ?? []).map((event) =>
      bytes(
        11,
        ...some(event.timeNano, (nano) => fixed64(1, nano)),
        ...some(event.name, (text) => bytes(2, text)),
        ...keyValues(3, event.attributes),
      ),
    ),
    ...(one.links ?? []).map((link) =>
      bytes(
        13,
        ...some(link.traceId, (hex) => bytes(1, Buffer.from(hex, 'hex'))),
        ...some(link.spanId, (hex) => bytes(2, Buffer.from(hex, 'hex'))),
        ...some(link.traceState, (text) => bytes(3, text)),
        ...keyValues(4, link.attributes),
      ),
    ),
    ...some(one.status, ({ message, code }) => bytes(15, bytes(2, message ?? ''), number(3, code ?? 0))),
  ]
}

/** The field when it is given. */
export function some<Given>(given: Given | undefined, field: (given: Given) => Buffer): Buffer[] {
  return given === undefined ? [] : [field(given)]
}

/** One field per attribute. */
export function keyValues(field: number, attributes: Attributes = {}): Buffer[] {
  return Object.entries(attributes).map(([key, value]) => bytes(field, bytes(1, key), bytes(2, anyValue(value))))
}

/** The fields of one AnyValue. */
export function anyValue(value: Value): Buffer {
  if (typeof value === 'string') return bytes(1, value)
  if (typeof value === 'boolean') return number(2, value ? 1 : 0)
  if (typeof value === 'bigint') return number(3, value)
  if (typeof value === 'number') return double(4, value)
  if (Buffer.isBuffer(value)) return bytes(7, value)
  if (Array.isArray(value)) return bytes(5, ...value.map((item) => bytes(1, anyValue(item))))
  return bytes(6, ...keyValues(1, value))
}

/** The same request as OTLP JSON. */
export function tracesJson(sent: Sent[]): Buffer {
  const resourceSpans = sent.map(({ resource, scope, spans }) => ({
    resource: { attributes: keyValuesJson(resource) },
    scopeSpans: [{ ...(scope ? { scope } : {}), spans: spans.map(spanJson) }],
  }))
  return Buffer.from(JSON.stringify({ resourceSpans }))
}

/** One span as a value for JSON.stringify. */
export function spanJson({
  startNano,
  endNano,
  attributes,
  events,
  links,
  ...rest
}: SpanText): Record<string, unknown> {
  return {
    ...rest,
    ...(startNano === undefined ? {} : { startTimeUnixNano: String(startNano) }),
    ...(endNano === undefined ? {} : { endTimeUnixNano: String(endNano) }),
    ...(attributes ? { attributes: keyValuesJson(attributes) } : {}),
    ...(events
      ? {
          events: events.map(({ timeNano, attributes: of, ...event }) => ({
            ...event,
            timeUnixNano: String(timeNano ?? 0n),
            attributes: keyValuesJson(of),
          })),
        }
      : {}),
    ...(links
      ? { links: links.map(({ attributes: of, ...link }) => ({ ...link, attributes: keyValuesJson(of) })) }
      : {}),
  }
}

export function keyValuesJson(attributes: Attributes = {}): unknown[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValueJson(value) }))
}

export function anyValueJson(value: Value): Record<string, unknown> {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'bigint') return { intValue: String(value) }
  if (typeof value === 'number') return { doubleValue: Number.isFinite(value) ? value : String(value) }
  if (Buffer.isBuffer(value)) return { bytesValue: value.toString('base64') }
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValueJson) } }
  return { kvlistValue: { values: keyValuesJson(value) } }
}
