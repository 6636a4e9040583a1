// Damages bodies the way a fuzzer does, the same way for the same seed: most must be refused, and what is not must be
// storable.

import { fields, joined, type WireField } from '#test/ingest/wire.ts'

/** A whole number from 0 up to and without `below`. */
export type Random = (below: number) => number

/** Mulberry32: small, fast and good enough to pick bytes with. */
export function random(seed: number): Random {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

type Mutation = (body: Buffer, other: Buffer, pick: Random) => Buffer

/** A damaged copy of `body`; parts of `other`, a body of the same kind, may be built in. One to three things are changed. */
export function mutate(encoding: 'protobuf' | 'json', body: Buffer, other: Buffer, pick: Random): Buffer {
  const mutations = encoding === 'json' ? JSON_MUTATIONS : PROTOBUF_MUTATIONS
  let damaged: Buffer = Buffer.from(body)
  for (let left = pick(3); left >= 0; left--) damaged = one(mutations, pick)(damaged, other, pick)
  return damaged
}

function one<Item>(items: readonly Item[], pick: Random): Item {
  return items[pick(items.length)] as Item
}

/** A range of at most `longest` bytes. */
function range(body: Buffer, longest: number, pick: Random): [start: number, stop: number] {
  const start = pick(body.length + 1)
  return [start, Math.min(body.length, start + pick(longest + 1))]
}

function replaced(body: Buffer, start: number, stop: number, put: Buffer): Buffer {
  return Buffer.concat([body.subarray(0, start), put, body.subarray(stop)])
}

const BYTES = [0, 1, 2, 7, 0x0a, 0x10, 0x12, 0x20, 0x22, 0x2d, 0x30, 0x5c, 0x7b, 0x7f, 0x80, 0xc3, 0xff]

function flipBit(body: Buffer, _: Buffer, pick: Random): Buffer {
  const at = pick(body.length)
  if (body.length > 0) body[at] = (body[at] as number) ^ (1 << pick(8))
  return body
}

function setByte(body: Buffer, _: Buffer, pick: Random): Buffer {
  if (body.length > 0) body[pick(body.length)] = one(BYTES, pick)
  return body
}

function cut(body: Buffer, _: Buffer, pick: Random): Buffer {
  return replaced(body, ...range(body, 16, pick), Buffer.alloc(0))
}

function truncate(body: Buffer, _: Buffer, pick: Random): Buffer {
  return body.subarray(0, pick(body.length + 1))
}

function insert(body: Buffer, _: Buffer, pick: Random): Buffer {
  const [start] = range(body, 0, pick)
  return replaced(body, start, start, Buffer.from(Array.from({ length: 1 + pick(4) }, () => one(BYTES, pick))))
}

function duplicate(body: Buffer, _: Buffer, pick: Random): Buffer {
  const [start, stop] = range(body, 64, pick)
  return replaced(body, stop, stop, body.subarray(start, stop))
}

function splice(body: Buffer, other: Buffer, pick: Random): Buffer {
  return replaced(body, ...range(body, 64, pick), other.subarray(...range(other, 64, pick)))
}

const ANY_MUTATIONS: Mutation[] = [flipBit, setByte, cut, truncate, insert, duplicate, splice]

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:]/gs
const TOKENS = [
  ...['null', 'true', 'false', '0', '-0', '-1', '1.5', '1e3', '1e400', '2147483648', '4294967296'],
  ...['9223372036854775808', '18446744073709551616', '"18446744073709551615"', '"-9223372036854775808"', '"NaN"'],
  ...['"Infinity"', '"-Infinity"', '""', '"\\ud83d"', '"\\u0000"', '"\u2028"', '"0x1"', '" 1"', '{}', '[]', '[{}]'],
  ...['"arrayValue"', '"kvlistValue"', '"stringValue"', '"intValue"', '"asInt"', '"attributes"', '"value"', '"key"'],
  ...['{"arrayValue":{"values":[{"intValue":1}]}}', '{"kvlistValue":{"values":[{"key":"k"}]}}', '{"doubleValue":1e21}'],
]

/** Replaces, removes, repeats or swaps whole tokens, so that the text stays JSON more often than not. */
function changeToken(body: Buffer, other: Buffer, pick: Random): Buffer {
  const text = body.toString('latin1')
  const tokens = text.match(TOKEN) ?? []
  const at = pick(tokens.length)
  const kind = pick(5)
  if (kind === 0) tokens.splice(at, 1)
  else if (kind === 1) tokens.splice(at, 0, tokens[at] ?? '', ',')
  else if (kind === 2) tokens[at] = one(TOKENS, pick)
  else if (kind === 3) tokens[at] = one(other.toString('latin1').match(TOKEN) ?? TOKENS, pick)
  else [tokens[at], tokens[0]] = [tokens[pick(tokens.length)] ?? '', tokens[0] ?? '']
  return Buffer.from(tokens.join(''), 'latin1')
}

/** Replaces the value behind a colon, which is where the types are; mostly by one of the same type. */
function changeValue(body: Buffer, _: Buffer, pick: Random): Buffer {
  const places = [...body.toString('latin1').matchAll(/:("(?:[^"\\]|\\.)*"|-?[\d.eE+]+|true|false|null)/gs)]
  if (places.length === 0) return body
  const { index, 1: value = '' } = one(places, pick)
  const alike = TOKENS.filter((token) => (token[0] === '"') === (value[0] === '"'))
  return replaced(body, index + 1, index + 1 + value.length, Buffer.from(one(pick(5) > 0 ? alike : TOKENS, pick)))
}

const JSON_MUTATIONS: Mutation[] = [
  ...ANY_MUTATIONS,
  ...Array.from({ length: 3 }, () => changeToken),
  ...Array.from({ length: 14 }, () => changeValue),
]

const NUMBERS = [
  '00',
  '01',
  '02',
  'ff01',
  '8000',
  'ffffffff0f',
  '808080800801',
  'ffffffffffffffffff01',
  '80808080808080808001',
]
const CONTENTS = [...NUMBERS, '', '0a00', '1001', '1800', '2a020a00', '2a040a021801', '32020a00', '0000000000000000']

/** Goes down into a message and changes a field of it; the lengths around it are right again afterwards. */
function changeField(body: Buffer, other: Buffer, pick: Random): Buffer {
  const found = fields(body)
  if (found === null || found.length === 0) return flipBit(Buffer.from(body), other, pick)
  const at = pick(found.length)
  const field = found[at] as WireField
  if (field.wire === 2 && field.content.length > 0 && pick(4) > 0) {
    found[at] = { ...field, content: changeField(field.content, other, pick) }
    return joined(found)
  }
  const kind = pick(6)
  if (kind === 0) found.splice(at, 1)
  else if (kind === 1) found.splice(pick(found.length), 0, field)
  else if (kind === 2) found[at] = { ...field, number: 1 + pick(16) }
  else if (kind === 3) found[at] = otherContent(field, pick)
  else if (kind === 4) found[at] = { number: field.number, wire: 2, content: Buffer.from(one(CONTENTS, pick), 'hex') }
  else found.push({ number: 1 + pick(16), wire: 0, content: Buffer.from(one(NUMBERS, pick), 'hex') })
  return joined(found)
}

function otherContent(field: WireField, pick: Random): WireField {
  if (field.wire === 0) return { ...field, content: Buffer.from(one(NUMBERS, pick), 'hex') }
  if (field.wire === 2) return { ...field, content: Buffer.from(one(CONTENTS, pick), 'hex') }
  return { ...field, content: field.content.map(() => one(BYTES, pick)) as Buffer }
}

const PROTOBUF_MUTATIONS: Mutation[] = [...ANY_MUTATIONS, ...Array.from({ length: 10 }, () => changeField)]
