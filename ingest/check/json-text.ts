// JSON as RFC 8259 has it, read from its bytes without making values of it: a body may be as large as its limit allows,
// and the objects JSON.parse would make of it are many times larger.

import { type Cursor, refuse } from '#ingest/check/checking.ts'

/** The bytes JSON is punctuated with. */
export const BYTE = {
  quote: 0x22,
  backslash: 0x5c,
  openObject: 0x7b,
  closeObject: 0x7d,
  openList: 0x5b,
  closeList: 0x5d,
  comma: 0x2c,
  colon: 0x3a,
  minus: 0x2d,
  plus: 0x2b,
  point: 0x2e,
  zero: 0x30,
  nine: 0x39,
} as const

/** Lists and objects inside one another. ClickHouse refuses more than 200. */
const MAX_DEPTH = 150

/** `escaped` is about the last string, `decimal` about the last number: neither fraction nor exponent. */
export type Text = Cursor & { escaped: boolean; decimal: boolean }

/** The next byte that is not white space, not yet consumed; -1 at the end. */
export function peek(text: Text): number {
  const byte = text.bytes[text.at]
  return byte !== undefined && byte > 0x20 ? byte : peekFurther(text)
}

function peekFurther(text: Text): number {
  for (; text.at < text.bytes.length; text.at++) {
    const byte = text.bytes[text.at] as number
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte
  }
  return -1
}

/** Consumes this byte if it is the next one. */
export function take(text: Text, byte: number): boolean {
  if (peek(text) !== byte) return false
  text.at++
  return true
}

export function expect(text: Text, byte: number): void {
  if (!take(text, byte)) unexpected(text, `'${String.fromCharCode(byte)}'`)
}

export function unexpected(text: Text, wanted: string): never {
  const byte = peek(text)
  if (byte === -1) refuse(text, `ends where ${wanted} should be`)
  return refuse(
    text,
    `has ${byte > 0x20 && byte < 0x7f ? `'${String.fromCharCode(byte)}'` : `byte 0x${byte.toString(16)}`} where ${wanted} should be`,
  )
}

/**
 * Moves over a string and returns where its content starts; `at` is then behind the closing quote. Bytes that are no
 * UTF-8 pass: they are shown as U+FFFD once stored. Half a surrogate pair, which JSON.stringify writes for a text cut
 * in the middle of an emoji and ClickHouse refuses, is overwritten in the body with the escape of U+FFFD.
 */
export function readString(text: Text): number {
  if (!take(text, BYTE.quote)) unexpected(text, 'a string')
  const { bytes } = text
  const start = text.at
  text.escaped = false
  for (let at = start; ; ) {
    let byte = bytes[at]
    while (byte !== undefined && byte !== BYTE.quote && byte !== BYTE.backslash && byte > 0x1f) byte = bytes[++at]
    if (byte === BYTE.quote) {
      text.at = at + 1
      return start
    }
    if (byte === undefined) refuse(text, 'ends inside a string', start - 1)
    if (byte !== BYTE.backslash)
      refuse(text, `has a control character (${byte}) in a string; write it as an escape`, at)
    text.escaped = true
    at = readEscape(text, at)
  }
}

const ESCAPES = new Set(Buffer.from('"\\/bfnrt'))

/** Where the escape that begins at `at` ends. */
function readEscape(text: Text, at: number): number {
  const kind = text.bytes[at + 1]
  if (kind !== 0x75) {
    if (kind === undefined || !ESCAPES.has(kind)) refuse(text, 'has an unknown escape in a string', at)
    return at + 2
  }
  const code = hexOf(text, at)
  if (code === -1) refuse(text, 'has \\u without four hex digits in a string', at)
  if (code < 0xd800 || code > 0xdfff) return at + 6
  const low = code < 0xdc00 ? hexOf(text, at + 6) : -1
  if (low >= 0xdc00 && low <= 0xdfff) return at + 12
  text.bytes.write('fffd', at + 2, 'latin1')
  return at + 6
}

/** The code of `\uXXXX` at this place, or -1. */
function hexOf({ bytes }: Text, at: number): number {
  const sequence = bytes.toString('latin1', at, at + 6)
  return /^\\u[0-9a-fA-F]{4}$/.test(sequence) ? Number.parseInt(sequence.slice(2), 16) : -1
}

/** The text of a string that was read, between these bytes. */
export function unescaped({ bytes }: Text, start: number, end: number): string {
  return JSON.parse(`"${bytes.toString('utf8', start, end)}"`)
}

/** Moves over the number that begins at this very byte. */
export function readNumber(text: Text): void {
  const { bytes } = text
  const start = text.at
  let at = start
  if (bytes[at] === BYTE.minus) at++
  const whole = at
  at = digits(bytes, at)
  let valid = at > whole && (bytes[whole] !== BYTE.zero || at === whole + 1)
  text.decimal = true
  if (bytes[at] === BYTE.point) {
    const fraction = at + 1
    at = digits(bytes, fraction)
    valid &&= at > fraction
    text.decimal = false
  }
  if (bytes[at] === 0x65 || bytes[at] === 0x45) {
    at++
    if (bytes[at] === BYTE.plus || bytes[at] === BYTE.minus) at++
    const exponent = at
    at = digits(bytes, exponent)
    valid &&= at > exponent
    text.decimal = false
  }
  if (!valid) refuse(text, 'has a malformed number', start)
  text.at = at
}

function digits(bytes: Buffer, from: number): number {
  let at = from
  for (;;) {
    const byte = bytes[at]
    if (byte === undefined || byte < BYTE.zero || byte > BYTE.nine) return at
    at++
  }
}

/** Moves over `true`, `false` or `null` if that is what comes next. */
export function takeWord(text: Text, word: 'true' | 'false' | 'null'): boolean {
  if (peek(text) !== word.charCodeAt(0)) return false
  for (let index = 1; index < word.length; index++) {
    if (text.bytes[text.at + index] !== word.charCodeAt(index)) return false
  }
  text.at += word.length
  return true
}

/** Moves over a value nobody stores. */
export function skipValue(text: Text, depth: number): void {
  const byte = peek(text)
  if (byte === BYTE.quote) readString(text)
  else if (byte === BYTE.minus || (byte >= BYTE.zero && byte <= BYTE.nine)) readNumber(text)
  else if (byte === BYTE.openObject) skipMembers(text, depth)
  else if (byte === BYTE.openList) skipItems(text, depth)
  else if (!takeWord(text, 'null') && !takeWord(text, 'true') && !takeWord(text, 'false')) unexpected(text, 'a value')
}

function skipMembers(text: Text, depth: number): void {
  enter(text, BYTE.openObject, depth)
  if (take(text, BYTE.closeObject)) return
  do {
    readString(text)
    expect(text, BYTE.colon)
    skipValue(text, depth + 1)
  } while (take(text, BYTE.comma))
  expect(text, BYTE.closeObject)
}

function skipItems(text: Text, depth: number): void {
  enter(text, BYTE.openList, depth)
  if (take(text, BYTE.closeList)) return
  do skipValue(text, depth + 1)
  while (take(text, BYTE.comma))
  expect(text, BYTE.closeList)
}

/** Consumes the bracket that opens an object or a list. */
export function enter(text: Text, bracket: number, depth: number): void {
  if (peek(text) !== bracket) unexpected(text, bracket === BYTE.openObject ? 'an object' : 'a list')
  if (depth >= MAX_DEPTH) refuse(text, `is nested more than ${MAX_DEPTH} deep`)
  text.at++
}
