// The messages of an ExportTraceServiceRequest, as far as they are stored (opentelemetry-proto 1.11). Whatever is not
// named here is skipped, as ClickHouse does.

export const WIRE = { varint: 0, fixed64: 1, length: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const

/** What a field's content has to be, apart from its wire type. */
export const CONTENT = { any: 0, bool: 1, int32: 2, message: 3, span: 4, traceId: 5, spanId: 6 } as const

/** `bit` marks a field that may come once; the members of a oneof share theirs. Repeated fields have 0. */
export type Field = { name: string; wire: number; content: number; of: Message; bit: number }

/** Fields by their number. */
export type Message = (Field | undefined)[]

const NONE: Message = []
const ONEOF = 1

const text = (name: string): Field => once({ name, wire: WIRE.length, content: CONTENT.any, of: NONE, bit: 0 })
const fixed64 = (name: string): Field => once({ name, wire: WIRE.fixed64, content: CONTENT.any, of: NONE, bit: 0 })
const int32 = (name: string): Field => once({ name, wire: WIRE.varint, content: CONTENT.int32, of: NONE, bit: 0 })
const one = (name: string, of: Message): Field => once(many(name, of))
const many = (name: string, of: Message): Field => ({ name, wire: WIRE.length, content: CONTENT.message, of, bit: 0 })
const once = (field: Field): Field => ({ ...field, bit: -1 })

/** Adds fields by number to a message, which may already be part of others. */
function define(message: Message, fields: Record<number, Field>): Message {
  const last = Math.max(...Object.keys(fields).map(Number))
  for (let number = 0; number <= last; number++) {
    const field = fields[number]
    message.push(field && { ...field, bit: field.bit === -1 ? 1 << number : field.bit })
  }
  return message
}

const ANY_VALUE: Message = []
const KEY_VALUE = define([], { 1: text('key'), 2: one('value', ANY_VALUE) })
const ARRAY_VALUE = define([], { 1: many('values', ANY_VALUE) })
const KEY_VALUE_LIST = define([], { 1: many('values', KEY_VALUE) })
define(ANY_VALUE, {
  1: { ...text('string_value'), bit: ONEOF },
  2: { name: 'bool_value', wire: WIRE.varint, content: CONTENT.bool, of: NONE, bit: ONEOF },
  3: { name: 'int_value', wire: WIRE.varint, content: CONTENT.any, of: NONE, bit: ONEOF },
  4: { ...fixed64('double_value'), bit: ONEOF },
  5: { ...many('array_value', ARRAY_VALUE), bit: ONEOF },
  6: { ...many('kvlist_value', KEY_VALUE_LIST), bit: ONEOF },
  7: { ...text('bytes_value'), bit: ONEOF },
})

const RESOURCE = define([], { 1: many('attributes', KEY_VALUE) })
const SCOPE = define([], { 1: text('name'), 2: text('version') })
const EVENT = define([], { 1: fixed64('time_unix_nano'), 2: text('name'), 3: many('attributes', KEY_VALUE) })
const LINK = define([], {
  1: text('trace_id'),
  2: text('span_id'),
  3: text('trace_state'),
  4: many('attributes', KEY_VALUE),
})
const STATUS = define([], { 2: text('message'), 3: int32('code') })
const SPAN = define([], {
  1: { ...text('trace_id'), content: CONTENT.traceId },
  2: { ...text('span_id'), content: CONTENT.spanId },
  3: text('trace_state'),
  4: text('parent_span_id'),
  5: text('name'),
  6: int32('kind'),
  7: fixed64('start_time_unix_nano'),
  8: fixed64('end_time_unix_nano'),
  9: many('attributes', KEY_VALUE),
  11: many('events', EVENT),
  13: many('links', LINK),
  15: one('status', STATUS),
})
const SCOPE_SPANS = define([], { 1: one('scope', SCOPE), 2: { ...many('spans', SPAN), content: CONTENT.span } })
const RESOURCE_SPANS = define([], { 1: one('resource', RESOURCE), 2: many('scope_spans', SCOPE_SPANS) })

export const TRACES = define([], { 1: many('resource_spans', RESOURCE_SPANS) })
