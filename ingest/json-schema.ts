// The objects of an OTLP JSON request, as far as they are stored. Other keys are ignored, as the specification demands.

/** What the value of a key has to be. A `spelledWrong` key is a known one in snake_case, which the protocol forbids. */
export const VALUE = {
  text: 0,
  base64: 1,
  traceId: 2,
  spanId: 3,
  bool: 4,
  int32: 5,
  int64: 6,
  uint64: 7,
  double: 8,
  object: 9,
  list: 10,
  spans: 11,
  spelledWrong: 12,
} as const

/** `name` as ClickHouse wants it, `spelling` as it is in the body. `bit` marks the key in a set of those seen. */
export type Key = { name: string; spelling: Buffer; value: number; of: Shape; bit: number }

/** Keys by the sketch of their spelling. In a oneof only one key may have a value. */
export type Shape = { keys: Map<number, Key>; oneof: boolean }

/** Length, first, third and last byte tell the keys of one shape apart; whoever uses it still has to compare the rest. */
export function sketch(bytes: Buffer, start: number, end: number): number {
  const ends = ((bytes[start] as number) << 8) | (bytes[end - 1] as number)
  return (((end - start) & 63) << 24) | ((bytes[start + 2] as number) << 16) | ends
}

const NONE: Shape = shape()

function shape(): Shape {
  return { keys: new Map(), oneof: false }
}

function define(into: Shape, keys: Record<string, number | [number, Shape]>): Shape {
  Object.entries(keys).forEach(([name, kind], index) => {
    const [value, of] = typeof kind === 'number' ? [kind, NONE] : kind
    add(into, { name, spelling: Buffer.from(name), value, of, bit: 1 << index })
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

const ANY_VALUE = shape()
const ATTRIBUTE = define(shape(), { key: VALUE.text, value: [VALUE.object, ANY_VALUE] })
ANY_VALUE.oneof = true
define(ANY_VALUE, {
  stringValue: VALUE.text,
  boolValue: VALUE.bool,
  intValue: VALUE.int64,
  doubleValue: VALUE.double,
  bytesValue: VALUE.base64,
  arrayValue: [VALUE.object, define(shape(), { values: [VALUE.list, ANY_VALUE] })],
  kvlistValue: [VALUE.object, define(shape(), { values: [VALUE.list, ATTRIBUTE] })],
})

const EVENT = define(shape(), {
  timeUnixNano: VALUE.uint64,
  name: VALUE.text,
  attributes: [VALUE.list, ATTRIBUTE],
})
const LINK = define(shape(), {
  traceId: VALUE.text,
  spanId: VALUE.text,
  traceState: VALUE.text,
  attributes: [VALUE.list, ATTRIBUTE],
})
const STATUS = define(shape(), { message: VALUE.text, code: VALUE.int32 })
const SPAN = define(shape(), {
  traceId: VALUE.traceId,
  spanId: VALUE.spanId,
  traceState: VALUE.text,
  parentSpanId: VALUE.text,
  name: VALUE.text,
  kind: VALUE.int32,
  startTimeUnixNano: VALUE.uint64,
  endTimeUnixNano: VALUE.uint64,
  attributes: [VALUE.list, ATTRIBUTE],
  events: [VALUE.list, EVENT],
  links: [VALUE.list, LINK],
  status: [VALUE.object, STATUS],
})
const RESOURCE = define(shape(), { attributes: [VALUE.list, ATTRIBUTE] })
const SCOPE = define(shape(), { name: VALUE.text, version: VALUE.text })
const SCOPE_SPANS = define(shape(), { scope: [VALUE.object, SCOPE], spans: [VALUE.spans, SPAN] })
const RESOURCE_SPANS = define(shape(), {
  resource: [VALUE.object, RESOURCE],
  scopeSpans: [VALUE.list, SCOPE_SPANS],
})

export const TRACES = define(shape(), { resourceSpans: [VALUE.list, RESOURCE_SPANS] })
