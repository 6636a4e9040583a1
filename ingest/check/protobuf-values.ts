// Attribute values in protobuf that are needed as text. Their bytes have been checked, so nothing is checked here.

import { edit, limitTree, SERVICE_NAME } from '#ingest/check/checking.ts'
import {
  FILLER,
  type Reader,
  readLength,
  readTag,
  readVarint,
  skip,
  varint,
  WIRE,
} from '#ingest/check/protobuf-wire.ts'
import { bytesJson, doubleJson, listJson, mapJson, NOTHING, stringJson, textOf } from '#ingest/check/value-json.ts'

/** The members of an AnyValue. */
const MEMBER = { string: 1, bool: 2, int: 3, double: 4, list: 5, map: 6, bytes: 7 } as const
/** The only field of its lists, its maps, and of a resource that matters here. */
const ITEMS = 1
const KEY = 1
const VALUE = 2

/** The tags of scalars. */
const TAG = {
  string: (MEMBER.string << 3) | WIRE.length,
  bool: (MEMBER.bool << 3) | WIRE.varint,
  int: (MEMBER.int << 3) | WIRE.varint,
  double: (MEMBER.double << 3) | WIRE.fixed64,
  bytes: (MEMBER.bytes << 3) | WIRE.length,
} as const

/** Bytes of a filler whose length takes one of them. */
const LONGEST_FILLER = 129

/** Whether the AnyValue between these bytes is empty, or one scalar with a tag of one byte and nothing around it. */
export function isScalar(reader: Reader, start: number, stop: number): boolean {
  if (start === stop) return true
  reader.at = start + 1
  const tag = reader.bytes[start]
  if (tag === TAG.string || tag === TAG.bytes) reader.at = readLength(reader, stop)
  else if (tag === TAG.bool || tag === TAG.int) readVarint(reader, stop)
  else if (tag === TAG.double) reader.at += 8
  const end = reader.at
  reader.at = stop
  return end === stop && tag !== undefined && end > start + 1
}

/**
 * Replaces the AnyValue between these bytes, whose length begins at `lengthAt`, by a string. JSON is mostly shorter than
 * what it stands for: it is then written into the body itself with a filler behind it, and no length around it changes.
 */
export function writeText(reader: Reader, lengthAt: number, start: number, stop: number): void {
  limitTree(reader, stop - start)
  reader.at = start
  const text = textOf(readValue(reader, stop))
  const length = Buffer.byteLength(text)
  const member = [TAG.string, ...varint(length)]
  const size = varint(member.length + length)
  if (lengthAt + size.length + member.length + length === stop - 1) lengthen(size)
  const head = [...size, ...member]
  const end = lengthAt + head.length + length
  const spare = stop - end
  if (spare < 0 || spare > LONGEST_FILLER) {
    edit(reader, lengthAt, stop, Buffer.concat([Buffer.from(head), Buffer.from(text)]))
    return
  }
  reader.bytes.set(head, lengthAt)
  reader.bytes.write(text, lengthAt + head.length)
  if (spare > 0) reader.bytes.fill(0, end, stop).set([FILLER, spare - 2], end)
}

/** A varint may have one byte more than it needs: a filler has at least two. */
function lengthen(head: number[]): void {
  head.push((head.pop() as number) | 128, 0)
}

/** What the Resource up to `stop` has for service.name, as text: the first, as ClickHouse takes it, '' without one. */
export function readService(reader: Reader, stop: number): string {
  while (reader.at < stop) {
    if (!nextIs(reader, ITEMS, stop)) continue
    const [key, value] = readAttribute(reader, readLength(reader, stop))
    if (key === SERVICE_NAME) {
      reader.at = stop
      return textOf(value)
    }
  }
  return ''
}

/** Moves to the content of the next field when it has this number, else over it. */
function nextIs(reader: Reader, number: number, stop: number): boolean {
  const start = reader.at
  const tag = readTag(reader, stop, 0)
  if (tag >>> 3 === number) return true
  skip(reader, tag & 7, stop, start)
  return false
}

/** The key of a KeyValue, and its value as JSON. */
function readAttribute(reader: Reader, stop: number): [key: string, json: string] {
  let key = ''
  let json = NOTHING
  while (reader.at < stop) {
    const start = reader.at
    const tag = readTag(reader, stop, 0)
    if (tag >>> 3 === KEY) key = readText(reader, stop)
    else if (tag >>> 3 === VALUE) json = readValue(reader, readLength(reader, stop))
    else skip(reader, tag & 7, stop, start)
  }
  return [key, json]
}

/** The JSON of the AnyValue up to `stop`. */
function readValue(reader: Reader, stop: number): string {
  let json = NOTHING
  while (reader.at < stop) json = readMember(reader, stop) ?? json
  return json
}

/** The JSON of the next field of an AnyValue, null when it is none of its values. */
function readMember(reader: Reader, stop: number): string | null {
  const start = reader.at
  const tag = readTag(reader, stop, 0)
  switch (tag >>> 3) {
    case MEMBER.string:
      return stringJson(readText(reader, stop))
    case MEMBER.bool:
      readVarint(reader, stop)
      return String(reader.low === 1)
    case MEMBER.int:
      readVarint(reader, stop)
      return String((BigInt(reader.high) << 32n) | BigInt(reader.low >>> 0))
    case MEMBER.double:
      reader.at += 8
      return doubleJson(reader.bytes.readDoubleLE(reader.at - 8))
    case MEMBER.list:
      return listJson(readItems(reader, readLength(reader, stop), readValue))
    case MEMBER.map:
      return mapJson(new Map(readItems(reader, readLength(reader, stop), readAttribute)))
    case MEMBER.bytes:
      return bytesJson(readBytes(reader, stop))
    default:
      skip(reader, tag & 7, stop, start)
      return null
  }
}

function readItems<Item>(reader: Reader, stop: number, readItem: (reader: Reader, stop: number) => Item): Item[] {
  const items: Item[] = []
  while (reader.at < stop) {
    if (nextIs(reader, ITEMS, stop)) items.push(readItem(reader, readLength(reader, stop)))
  }
  return items
}

function readText(reader: Reader, stop: number): string {
  const end = readLength(reader, stop)
  const text = reader.bytes.toString('utf8', reader.at, end)
  reader.at = end
  return text
}

function readBytes(reader: Reader, stop: number): Buffer {
  const end = readLength(reader, stop)
  const content = reader.bytes.subarray(reader.at, end)
  reader.at = end
  return content
}
