// The values of OTLP JSON that are neither objects nor lists.

import { noteDay, refuse } from '#ingest/check/checking.ts'
import { VALUE } from '#ingest/check/json-schema.ts'
import {
  BYTE,
  peek,
  readNumber,
  readString,
  type Text,
  takeWord,
  unescaped,
  unexpected,
} from '#ingest/check/json-text.ts'

const MAX_INT32 = 2 ** 31 - 1
const LIMITS = {
  int32: { digits: '2147483647', negative: '2147483648' },
  uint32: { digits: '4294967295', negative: null },
  int64: { digits: '9223372036854775807', negative: '9223372036854775808' },
  uint64: { digits: '18446744073709551615', negative: null },
} as const

/** Moves over a value of this kind (one of VALUE). Throws BadInput when it is another. */
export function readScalar(text: Text, value: number): void {
  if (value === VALUE.text) readString(text)
  else if (value === VALUE.enum) readEnum(text)
  else if (value === VALUE.int64) readIntValue(text)
  else if (value === VALUE.uint64) readInteger(text, LIMITS.uint64)
  else if (value === VALUE.time) readTime(text)
  else if (value === VALUE.int32) readInteger(text, LIMITS.int32)
  else if (value === VALUE.uint32) readInteger(text, LIMITS.uint32)
  else if (value === VALUE.double) readDouble(text)
  else if (value === VALUE.base64) readBase64(text)
  else if (!takeWord(text, 'true') && !takeWord(text, 'false')) unexpected(text, 'true or false')
}

/** Moves over a string and says whether it is an id of this many hex digits that are not all zeros. */
export function readId(text: Text, length: number): boolean {
  const start = readString(text)
  const end = text.at - 1
  if (!text.escaped) return end - start === length && isHex(text.bytes, start, end)
  const plain = Buffer.from(unescaped(text, start, end))
  return plain.length === length && isHex(plain, 0, length)
}

function isHex(bytes: Buffer, start: number, end: number): boolean {
  let nonZero = false
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number
    const letter = byte | 0x20
    if ((byte < BYTE.zero || byte > BYTE.nine) && (letter < 0x61 || letter > 0x66)) return false
    if (byte !== BYTE.zero) nonZero = true
  }
  return nonZero
}

function readEnum(text: Text): void {
  if (peek(text) === BYTE.quote) refuse(text, 'must be a number, not a name or a text')
  const start = requireNumber(text)
  readNumber(text)
  const fits = text.at - start < 10 || Math.abs(Number(text.bytes.toString('latin1', start, text.at))) <= MAX_INT32
  if (!text.decimal || !fits) refuse(text, 'must be a whole number of 32 bits', start)
}

/** The JavaScript SDK writes every number that is whole here, also 1e+21: refusing it would lose the whole batch. */
function readIntValue(text: Text): void {
  if (peek(text) === BYTE.quote) readInteger(text, LIMITS.int64)
  else {
    requireNumber(text)
    readNumber(text)
  }
}

/** A number or the same in quotes, digits only: of 1.0, 1e3 or +1 ClickHouse reads the first digits at most. */
function readInteger(text: Text, limit: (typeof LIMITS)[keyof typeof LIMITS]): void {
  const quoted = takeQuote(text)
  const start = requireNumber(text)
  readNumber(text)
  const negative = text.bytes[start] === BYTE.minus
  const largest = negative ? limit.negative : limit.digits
  if (!text.decimal || largest === null) {
    refuse(text, `must be a whole number${largest === null ? ' that is not negative' : ''}, in digits only`, start)
  }
  const length = text.at - start - (negative ? 1 : 0)
  if (length > largest.length || (length === largest.length && digitsFrom(text, length) > largest)) {
    refuse(text, `is beyond ${negative ? '-' : ''}${largest}`, start)
  }
  if (quoted) closeQuote(text)
}

function readTime(text: Text): void {
  readInteger(text, LIMITS.uint64)
  const end = text.bytes[text.at - 1] === BYTE.quote ? text.at - 1 : text.at
  let seconds = 0
  // Behind the seconds there are nine digits of nanoseconds.
  for (let at = end - 10, worth = 1; isDigit(text.bytes[at]); at--, worth *= 10) {
    seconds += ((text.bytes[at] as number) - BYTE.zero) * worth
  }
  noteDay(text, seconds)
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= BYTE.zero && byte <= BYTE.nine
}

function digitsFrom(text: Text, length: number): string {
  return text.bytes.toString('latin1', text.at - length, text.at)
}

const NAMED_DOUBLES = new Set(['NaN', 'Infinity', '-Infinity'])

function readDouble(text: Text): void {
  if (peek(text) !== BYTE.quote) {
    requireNumber(text)
    readNumber(text)
    return
  }
  const opening = text.at
  const start = readString(text)
  if (NAMED_DOUBLES.has(text.bytes.toString('latin1', start, text.at - 1))) return
  text.at = opening + 1
  requireNumber(text)
  readNumber(text)
  closeQuote(text)
}

function readBase64(text: Text): void {
  const start = readString(text)
  const content = text.bytes.toString('latin1', start, text.at - 1)
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(content)) refuse(text, 'must be base64', start)
}

/** Where the number starts that has to be here. */
function requireNumber(text: Text): number {
  const byte = text.bytes[text.at] ?? -1
  if (byte !== BYTE.minus && (byte < BYTE.zero || byte > BYTE.nine)) unexpected(text, 'a number')
  return text.at
}

function takeQuote(text: Text): boolean {
  if (peek(text) !== BYTE.quote) return false
  text.at++
  return true
}

/** Directly behind the number: white space inside the quotes would make it another text. */
function closeQuote(text: Text): void {
  if (text.bytes[text.at] !== BYTE.quote) unexpected(text, 'the end of the number')
  text.at++
}
