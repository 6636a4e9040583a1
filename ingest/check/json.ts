// Checks an OTLP JSON request without decoding it: ClickHouse does that, and would refuse, wrap around or silently
// lose what is refused here.

import {
  beginSender,
  beginSpan,
  type Checked,
  checked,
  cursorAt,
  endSender,
  endSpan,
  refuse,
} from '#ingest/check/checking.ts'
import { plainAttributeEnd } from '#ingest/check/json-plain.ts'
import { readId, readScalar } from '#ingest/check/json-scalars.ts'
import { type Key, type Shape, sketch, VALUE } from '#ingest/check/json-schema.ts'
import { REQUESTS } from '#ingest/check/json-signals.ts'
import {
  BYTE,
  enter,
  expect,
  peek,
  readString,
  skipValue,
  type Text,
  take,
  takeWord,
  unescaped,
} from '#ingest/check/json-text.ts'
import { readService, writeTree } from '#ingest/check/json-values.ts'
import { BadInput } from '#model/errors.ts'
import type { Signal } from '#storage/signals.ts'

/** `warning` is about the first key that was spelled in snake_case, `hasTree` about the last value of an attribute. */
type Reader = Text & { warning: string | null; hasTree: boolean }

/**
 * Counts what is in a body. Throws BadInput, with field and byte, when it is not one whole request of this signal.
 * Halves of surrogate pairs are overwritten with U+FFFD in the body itself (see readString).
 */
export function checkJson(signal: Signal, body: Buffer): Checked {
  if (body.length === 0) throw new BadInput('the body is empty; an empty request is {} in JSON')
  if (body[0] === 0xef) throw new BadInput('the body begins with a byte order mark; send JSON without one')
  const reader: Reader = { ...cursorAt(body), escaped: false, decimal: false, warning: null, hasTree: false }
  readObject(reader, REQUESTS[signal], 0, 0)
  if (peek(reader) !== -1) refuse(reader, 'has something behind the end of the request; send one JSON object')
  return checked(reader, reader.warning)
}

/** `level` counts the named fields around the object, `depth` the brackets. */
function readObject(reader: Reader, shape: Shape, level: number, depth: number): void {
  enter(reader, BYTE.openObject, depth)
  if (take(reader, BYTE.closeObject)) return
  let seen = 0
  let members = 0
  do {
    reader.level = level
    const key = readKey(reader, shape)
    expect(reader, BYTE.colon)
    if (key === undefined) {
      skipValue(reader, depth + 1)
      continue
    }
    reader.path[level] = key
    reader.level = level + 1
    if ((seen & key.bit) !== 0) refuse(reader, 'is given twice')
    seen |= key.bit
    if (takeWord(reader, 'null')) continue
    if ((shape.oneof & key.bit) !== 0 && ++members > 1) {
      refuse(reader, 'is a second value where one is allowed')
    }
    readValue(reader, key, level, depth)
  } while (take(reader, BYTE.comma))
  reader.level = level
  expect(reader, BYTE.closeObject)
}

/** The next key, if it is one of this shape's. ClickHouse does not know a key that is written with escapes. */
function readKey(reader: Reader, shape: Shape): Key | undefined {
  const start = readString(reader)
  const end = reader.at - 1
  if (reader.escaped) refuseEscapedKey(reader, shape, start, end)
  const key = shape.keys.get(sketch(reader.bytes, start, end))
  if (key === undefined) return undefined
  for (let index = 0; index < key.spelling.length; index++) {
    if (key.spelling[index] !== reader.bytes[start + index]) return undefined
  }
  return key
}

function refuseEscapedKey(reader: Reader, shape: Shape, start: number, end: number): void {
  const name = unescaped(reader, start, end)
  for (const key of shape.keys.values()) {
    if (key.name === name) refuse(reader, `has the key ${name} written with escapes; write it plainly`, start)
  }
}

function readValue(reader: Reader, key: Key, level: number, depth: number): void {
  if (key.value < VALUE.object) readLeaf(reader, key.value)
  else if (key.value === VALUE.spelledWrong) {
    reader.warning ??= `the key ${key.spelling} was ignored: OTLP JSON spells it ${key.name}`
    skipValue(reader, depth + 1)
  } else if (key.value >= VALUE.list) readList(reader, key, level, depth + 1)
  else readStructure(reader, key, level, depth + 1)
}

function readLeaf(reader: Reader, value: number): void {
  if (value === VALUE.traceId) reader.hasTraceId = readId(reader, 32)
  else if (value === VALUE.spanId) reader.hasSpanId = readId(reader, 16)
  else readScalar(reader, value)
}

function readStructure(reader: Reader, key: Key, level: number, depth: number): void {
  peek(reader)
  const start = reader.at
  if (key.value === VALUE.anyValue) reader.hasTree = false
  readObject(reader, key.of, level + 1, depth)
  reader.level = level + 1
  if (key.value === VALUE.tree) reader.hasTree = true
  else if (key.value === VALUE.anyValue && reader.hasTree) writeTree(reader, start)
  else if (key.value === VALUE.resource) {
    reader.at = start
    reader.service = readService(reader)
  }
}

function readList(reader: Reader, key: Key, level: number, depth: number): void {
  enter(reader, BYTE.openList, depth)
  if (take(reader, BYTE.closeList)) return
  do {
    if (key.value === VALUE.doubles) readScalar(reader, VALUE.double)
    else if (key.value === VALUE.uint64s) readScalar(reader, VALUE.uint64)
    else if (key.value !== VALUE.attributes || !takePlainAttribute(reader)) readItem(reader, key, level, depth + 1)
    reader.level = level + 1
  } while (take(reader, BYTE.comma))
  expect(reader, BYTE.closeList)
}

function takePlainAttribute(reader: Reader): boolean {
  const end = plainAttributeEnd(reader.bytes, reader.at)
  if (end < 0) return false
  reader.at = end
  return true
}

function readItem(reader: Reader, key: Key, level: number, depth: number): void {
  peek(reader)
  const start = reader.at
  if (key.value === VALUE.spans) beginSpan(reader)
  else if (key.value === VALUE.senders) beginSender(reader)
  readObject(reader, key.of, level + 1, depth)
  if (key.value === VALUE.spans) endSpan(reader, start)
  else if (key.value === VALUE.senders) endSender(reader)
  else if (key.value === VALUE.items) reader.items += 1
}
