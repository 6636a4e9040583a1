// Protobuf as bytes: tags, lengths and numbers, whatever they mean.

import { type Cursor, refuse } from '#ingest/check/checking.ts'

export const WIRE = { varint: 0, fixed64: 1, length: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const

/** The tag of a field that no message has, to fill up with what has become shorter: number 15, with a length. */
export const FILLER = (15 << 3) | WIRE.length

/** The last varint that was read, as two signed halves of 32 bits: 64 bits do not fit a number. */
export type Reader = Cursor & { low: number; high: number }

/** Field number and wire type. */
export function readTag(reader: Reader, end: number, level: number): number {
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
export function readLength(reader: Reader, end: number): number {
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
export function readVarint(reader: Reader, end: number): void {
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

/** Moves over a field that is not stored. */
export function skip(reader: Reader, wire: number, end: number, start: number): void {
  if (wire === WIRE.varint) readVarint(reader, end)
  else if (wire === WIRE.fixed64) advance(reader, 8, end)
  else if (wire === WIRE.fixed32) advance(reader, 4, end)
  else if (wire === WIRE.length) reader.at = readLength(reader, end)
  else refuse(reader, `holds a field of wire type ${wire}; allowed are 0, 1, 2 and 5`, start)
}

export function advance(reader: Reader, length: number, end: number): void {
  if (length > end - reader.at) refuse(reader, 'ends too early')
  reader.at += length
}

/** The bytes of a whole number below 2^53. */
export function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))]
}
