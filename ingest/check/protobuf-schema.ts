// How the messages of a request are described, and those that all signals share (opentelemetry-proto 1.11). Whatever is
// not named is skipped, as ClickHouse does.

import { WIRE } from '#ingest/check/protobuf-wire.ts'

/** What a field's content has to be, apart from its wire type; for a message, also what it stands for. */
export const CONTENT = {
  any: 0,
  bool: 1,
  int32: 2,
  uint32: 3,
  packed: 4,
  traceId: 5,
  spanId: 6,
  message: 7,
  /** A KeyValue, mostly one that needs no walk. */
  attribute: 8,
  /** An AnyValue that is stored as text. */
  value: 9,
  span: 10,
  /** A log record or a data point. */
  item: 11,
  resource: 12,
  /** A resource and all that it sent. */
  sender: 13,
  /** By which rows are kept apart. */
  time: 14,
} as const

/** `bit` marks a field that may come once; the members of a oneof share theirs. Repeated fields have 0. */
export type Field = { name: string; wire: number; content: number; of: Message; bit: number }

/** Fields by their number. */
export type Message = (Field | undefined)[]

const NONE: Message = []
const ONCE = -1

function scalar(name: string, wire: number, content: number): Field {
  return { name, wire, content, of: NONE, bit: ONCE }
}

export const text = (name: string): Field => scalar(name, WIRE.length, CONTENT.any)
export const fixed64 = (name: string): Field => scalar(name, WIRE.fixed64, CONTENT.any)
export const fixed32 = (name: string): Field => scalar(name, WIRE.fixed32, CONTENT.any)
export const time = (name: string): Field => scalar(name, WIRE.fixed64, CONTENT.time)
export const double = fixed64
export const bool = (name: string): Field => scalar(name, WIRE.varint, CONTENT.bool)
export const int32 = (name: string): Field => scalar(name, WIRE.varint, CONTENT.int32)
/** Zigzag or not, 32 bits are 32 bits. */
export const uint32 = (name: string): Field => scalar(name, WIRE.varint, CONTENT.uint32)
export const sint32 = uint32
export const traceId = (name: string): Field => scalar(name, WIRE.length, CONTENT.traceId)
export const spanId = (name: string): Field => scalar(name, WIRE.length, CONTENT.spanId)

/** Repeated numbers: each in a field of its own, or all in one. */
export const numbers = (name: string, wire: number): Field => ({ ...scalar(name, wire, CONTENT.packed), bit: 0 })

/** A repeated message. */
export function many(name: string, of: Message, content: number = CONTENT.message): Field {
  return { name, wire: WIRE.length, content, of, bit: 0 }
}

export function one(name: string, of: Message, content: number = CONTENT.message): Field {
  return { ...many(name, of, content), bit: ONCE }
}

/** A message by its fields' numbers. `oneof` are the numbers of which only one may come. */
export function define(fields: Record<number, Field>, oneof: number[] = [], message: Message = []): Message {
  const last = Math.max(...Object.keys(fields).map(Number))
  for (let number = 0; number <= last; number++) {
    const field = fields[number]
    const bit = 1 << (oneof.includes(number) ? (oneof[0] as number) : number)
    message.push(field && { ...field, bit: field.bit === 0 && !oneof.includes(number) ? 0 : bit })
  }
  return message
}

const ANY_VALUE: Message = []
const LIST = define({ 1: many('values', ANY_VALUE) })
const MAP = define({ 1: many('values', define({ 1: text('key'), 2: one('value', ANY_VALUE) })) })
define(
  {
    1: text('string_value'),
    2: bool('bool_value'),
    3: scalar('int_value', WIRE.varint, CONTENT.any),
    4: double('double_value'),
    5: one('array_value', LIST),
    6: one('kvlist_value', MAP),
    7: text('bytes_value'),
  },
  [1, 2, 3, 4, 5, 6, 7],
  ANY_VALUE,
)

/** Inside a list or a map its like are no such fields: the outermost becomes a string with all that is in it. */
export const value = (name: string): Field => one(name, ANY_VALUE, CONTENT.value)

const KEY_VALUE = define({ 1: text('key'), 2: value('value') })

export const attributes = (name = 'attributes'): Field => many(name, KEY_VALUE, CONTENT.attribute)

const RESOURCE = define({ 1: attributes() })
const SCOPE = define({ 1: text('name'), 2: text('version'), 3: attributes(), 4: uint32('dropped_attributes_count') })

/** The request of a signal: resources, in them scopes, in them the signal's own. */
export function request(signal: 'spans' | 'metrics' | 'logs', own: Field): Message {
  const scopes = define({ 1: one('scope', SCOPE), 2: own, 3: text('schema_url') })
  const sender = define({
    1: one('resource', RESOURCE, CONTENT.resource),
    2: many(`scope_${signal}`, scopes),
    3: text('schema_url'),
  })
  return define({ 1: many(`resource_${signal}`, sender, CONTENT.sender) })
}
