// Checks an ExportTraceServiceRequest in protobuf without decoding it: ClickHouse does that, and would refuse or
// silently change what is refused here.

import { beginSpan, type Checked, type Cursor, checked, cursorAt, endSpan, refuse } from './checking.ts'
import { CONTENT, type Field, type Message, TRACES, WIRE } from './protobuf-schema.ts'

/** Messages inside messages, as in other decoders; about 45 lists inside lists. */
const MAX_LEVEL = 100

/** The last varint that was read, as two signed halves of 32 bits: 64 bits do not fit a number. */
type Reader = Cursor & { low: number; high: number }

/** Counts the spans of a body. Throws BadInput, with field and byte, when it is not one whole request. */
export function checkProtobuf(body: Buffer): Checked {
  const reader: Reader = { ...cursorAt(body), low: 0, high: 0 }
  walk(reader, TRACES, body.length, 0)
  return checked(reader)
}

function walk(reader: Reader, message: Message, end: number, level: number): void {
  if (level > MAX_LEVEL) refuse(reader, `is nested more than ${MAX_LEVEL} messages deep`)
  let seen = 0
  while (reader.at < end) {
    const start = reader.at
    const tag = readTag(reader, end, level)
    const number = tag >>> 3
    const field = number < message.length ? message[number] : undefined
    if (field === undefined) {
      reader.level = level
      skip(reader, tag & 7, end, start)
      continue
    }
    reader.path[level] = field
    reader.level = level + 1
    if ((tag & 7) !== field.wire) refuse(reader, `has wire type ${tag & 7} instead of ${field.wire}`, start)
    if ((seen & field.bit) !== 0) refuse(reader, 'is a second value where one is allowed', start)
    seen |= field.bit
    if (field.wire === WIRE.length) readContent(reader, field, readLength(reader, end), level)
    else readNumber(reader, field, end)
  }
}

function readContent(reader: Reader, field: Field, stop: number, level: number): void {
  if (field.content === CONTENT.any) {
    reader.at = stop
  } else if (field.content === CONTENT.message) {
    walk(reader, field.of, stop, level + 1)
  } else if (field.content === CONTENT.span) {
    const start = reader.at
    beginSpan(reader)
    walk(reader, field.of, stop, level + 1)
    endSpan(reader, start)
  } else {
    if (field.content === CONTENT.traceId) reader.hasTraceId = isId(reader, stop, 16)
    else reader.hasSpanId = isId(reader, stop, 8)
    reader.at = stop
  }
}

function readNumber(reader: Reader, field: Field, end: number): void {
  if (field.wire === WIRE.fixed64) {
    advance(reader, 8, end)
    return
  }
  const start = reader.at
  readVarint(reader, end)
  if (field.content === CONTENT.bool) checkBool(reader, start)
  else if (field.content === CONTENT.int32) checkInt32(reader, start)
}

/** Moves over a field that is not stored. */
function skip(reader: Reader, wire: number, end: number, start: number): void {
  if (wire === WIRE.varint) readVarint(reader, end)
  else if (wire === WIRE.fixed64) advance(reader, 8, end)
  else if (wire === WIRE.fixed32) advance(reader, 4, end)
  else if (wire === WIRE.length) reader.at = readLength(reader, end)
  else refuse(reader, `holds a field of wire type ${wire}; allowed are 0, 1, 2 and 5`, start)
}

function advance(reader: Reader, length: number, end: number): void {
  if (length > end - reader.at) refuse(reader, 'ends too early')
  reader.at += length
}

/** Field number and wire type. */
function readTag(reader: Reader, end: number, level: number): number {
  const start = reader.at
  const first = reader.bytes[start] as number
  if (first < 128 && first > 7) {
    reader.at = start + 1
    return first
  }
  reader.level = level
  readVarint(reader, end)
  if (reader.high !== 0 || reader.low >>> 3 === 0) refuse(reader, 'holds a field with an impossible number', start)
  return reader.low >>> 0
}

/** Where the content that begins after this length ends. */
function readLength(reader: Reader, end: number): number {
  const start = reader.at
  if (start < end && (reader.bytes[start] as number) < 128) {
    reader.low = reader.bytes[start] as number
    reader.high = 0
    reader.at = start + 1
  } else readVarint(reader, end)
  const left = end - reader.at
  if (reader.high !== 0 || reader.low < 0 || reader.low > left) {
    refuse(reader, `should be longer than the ${left} bytes that are left`, start)
  }
  return reader.at + reader.low
}

/** Seven bits a byte, the lowest first. ClickHouse refuses a tenth byte other than 1. */
function readVarint(reader: Reader, end: number): void {
  const start = reader.at
  let low = 0
  let high = 0
  for (let shift = 0; ; shift += 7) {
    if (reader.at >= end) refuse(reader, 'ends in the middle of a number', start)
    const byte = reader.bytes[reader.at++] as number
    if (shift < 28) low |= (byte & 127) << shift
    else if (shift === 28) {
      low |= byte << 28
      high = (byte & 127) >> 4
    } else high |= (byte & 127) << (shift - 32)
    if (shift === 63 && byte !== 1) refuse(reader, 'holds a number of more than 64 bits', start)
    if (byte < 128) break
  }
  reader.low = low
  reader.high = high
}

function checkBool(reader: Reader, start: number): void {
  if (reader.high !== 0 || (reader.low !== 0 && reader.low !== 1)) refuse(reader, 'must be 0 or 1', start)
}

function checkInt32(reader: Reader, start: number): void {
  if (reader.high !== reader.low >> 31) refuse(reader, 'does not fit into 32 bits', start)
}

/** Whether the bytes up to `stop` are an id of this length; all zeros mean none. */
function isId(reader: Reader, stop: number, length: number): boolean {
  if (stop - reader.at !== length) return false
  for (let at = reader.at; at < stop; at++) if (reader.bytes[at] !== 0) return true
  return false
}
