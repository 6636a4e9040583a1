// How the objects of an OTLP JSON request are described, and those that all signals share. Other keys are ignored, as
// the specification demands.

/** What the value of a key has to be, and for objects and lists also what they stand for. */
export const VALUE = {
  text: 0,
  base64: 1,
  traceId: 2,
  spanId: 3,
  bool: 4,
  enum: 5,
  int32: 6,
  uint32: 7,
  int64: 8,
  uint64: 9,
  /** By which rows are kept apart: a uint64 of nanoseconds. */
  time: 10,
  double: 11,
  object: 12,
  /** An object that may hold a tree, and is to be stored as text. */
  anyValue: 13,
  /** A list or a map where a string is to be stored. */
  tree: 14,
  resource: 15,
  list: 16,
  attributes: 17,
  spans: 18,
  /** Log records or data points. */
  items: 19,
  /** Resources and all that they sent. */
  senders: 20,
  uint64s: 21,
  doubles: 22,
  /** A known key in snake_case, which the protocol forbids. */
  spelledWrong: 23,
} as const

/** `name` as ClickHouse wants it, `spelling` as it is in the body. `bit` marks the key in a set of those seen. */
export type Key = { name: string; spelling: Buffer; value: number; of: Shape; bit: number }

/** Keys by the sketch of their spelling, and the bits of those of which only one may have a value. */
export type Shape = { keys: Map<number, Key>; oneof: number }

/** Length, first, third and last byte tell the keys of one shape apart; whoever uses it still has to compare the rest. */
export function sketch(bytes: Buffer, start: number, end: number): number {
  const ends = ((bytes[start] as number) << 8) | (bytes[end - 1] as number)
  return (((end - start) & 63) << 24) | ((bytes[start + 2] as number) << 16) | ends
}

const NONE: Shape = shape()

function shape(): Shape {
  return { keys: new Map(), oneof: 0 }
}

/** The kinds of the values by key, and of which keys only one may have a value. A shape may be part of itself. */
export function define(
  keys: Record<string, number | [number, Shape]>,
  oneof: string[] = [],
  into: Shape = shape(),
): Shape {
  Object.entries(keys).forEach(([name, kind], index) => {
    const [value, of] = typeof kind === 'number' ? [kind, NONE] : kind
    const bit = 1 << index
    add(into, { name, spelling: Buffer.from(name), value, of, bit })
    if (oneof.includes(name)) into.oneof |= bit
    const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    if (snake !== name) add(into, { name, spelling: Buffer.from(snake), value: VALUE.spelledWrong, of, bit: 0 })
  })
  return into
}

function add({ keys }: Shape, key: Key): void {
  const known = sketch(key.spelling, 0, key.spelling.length)
  if (keys.has(known)) throw new Error(`two keys of one shape look alike: ${key.name}`)
  keys.set(known, key)
}

/** An AnyValue whose lists and maps are of this kind. */
function defineAnyValue(tree: number, into: Shape): Shape {
  const members = {
    stringValue: VALUE.text,
    boolValue: VALUE.bool,
    intValue: VALUE.int64,
    doubleValue: VALUE.double,
    bytesValue: VALUE.base64,
    arrayValue: [tree, LIST] as [number, Shape],
    kvlistValue: [tree, MAP] as [number, Shape],
  }
  return define(members, Object.keys(members), into)
}

// Inside a list or a map its like stay what they are: the outermost becomes a string with all that is in it.
const INNER_VALUE = shape()
const LIST = define({ values: [VALUE.list, INNER_VALUE] })
const MAP = define({ values: [VALUE.list, define({ key: VALUE.text, value: [VALUE.object, INNER_VALUE] })] })
defineAnyValue(VALUE.object, INNER_VALUE)

export const ANY_VALUE = defineAnyValue(VALUE.tree, shape())
const ATTRIBUTE = define({ key: VALUE.text, value: [VALUE.anyValue, ANY_VALUE] })

export const ATTRIBUTES: [number, Shape] = [VALUE.attributes, ATTRIBUTE]

const RESOURCE = define({ attributes: ATTRIBUTES })
const SCOPE = define({
  name: VALUE.text,
  version: VALUE.text,
  attributes: ATTRIBUTES,
  droppedAttributesCount: VALUE.uint32,
})

/** The request of a signal: resources, in them scopes, in them the signal's own. */
export function request(signal: 'Spans' | 'Metrics' | 'Logs', own: Record<string, [number, Shape]>): Shape {
  const scopes = define({ scope: [VALUE.object, SCOPE], ...own, schemaUrl: VALUE.text })
  const sender = define({
    resource: [VALUE.resource, RESOURCE],
    [`scope${signal}`]: [VALUE.list, scopes],
    schemaUrl: VALUE.text,
  })
  return define({ [`resource${signal}`]: [VALUE.senders, sender] })
}
