// Attribute values in OTLP JSON that are needed as text. They have been checked, so nothing is checked here.

import { edit, limitTree, SERVICE_NAME } from '#ingest/check/checking.ts'
import {
  BYTE,
  expect,
  peek,
  readNumber,
  readString,
  skipValue,
  type Text,
  take,
  takeWord,
  unescaped,
} from '#ingest/check/json-text.ts'
import { doubleJson, listJson, mapJson, NOTHING, stringJson, textOf } from '#ingest/check/value-json.ts'

/**
 * Replaces the AnyValue that was just read and holds a list or a map by one of a string; `start` is where it begins.
 * That is mostly the shorter: it is then written into the body itself, with spaces behind it.
 */
export function writeTree(text: Text, start: number): void {
  const stop = text.at
  limitTree(text, stop - start)
  text.at = start
  const put = Buffer.from(JSON.stringify({ stringValue: readValue(text) }))
  text.at = stop
  if (put.length > stop - start) edit(text, start, stop, put)
  else text.bytes.fill(0x20, start + put.length, stop).set(put, start)
}

/** What the resource that begins here has for service.name, as text: the first, as ClickHouse takes it, '' without one. */
export function readService(text: Text): string {
  let service: string | null = null
  eachMember(text, (name) => {
    if (name !== 'attributes') skipValue(text, 0)
    else {
      eachItem(text, () => {
        const [key, json] = readAttribute(text)
        if (key === SERVICE_NAME) service ??= textOf(json)
      })
    }
  })
  return service ?? ''
}

/** The key of an attribute, and its value as JSON. */
function readAttribute(text: Text): [key: string, json: string] {
  let key = ''
  let json = NOTHING
  eachMember(text, (name) => {
    if (name === 'key') key = readText(text)
    else if (name === 'value') json = readValue(text)
    else skipValue(text, 0)
  })
  return [key, json]
}

/** The JSON of the AnyValue that begins here. */
function readValue(text: Text): string {
  let json = NOTHING
  eachMember(text, (name) => {
    json = readMember(text, name) ?? json
  })
  return json
}

/** The JSON of the value of this key of an AnyValue, null when it is none of its values. */
function readMember(text: Text, name: string): string | null {
  switch (name) {
    case 'stringValue':
    case 'bytesValue':
      return stringJson(readText(text))
    case 'boolValue':
      return readBool(text)
    case 'intValue':
      return readInt(text)
    case 'doubleValue':
      return doubleJson(Number(readNumberText(text)))
    case 'arrayValue':
      return listJson(readValues(text, readValue))
    case 'kvlistValue':
      return mapJson(new Map(readValues(text, readAttribute)))
    default:
      skipValue(text, 0)
      return null
  }
}

/** What is not written in digits is a number of JavaScript that is too large for them. */
function readInt(text: Text): string {
  const digits = readNumberText(text)
  return /^-?\d+$/.test(digits) ? digits : doubleJson(Number(digits))
}

/** The `values` of an ArrayValue or a KeyValueList. */
function readValues<Item>(text: Text, readItem: (text: Text) => Item): Item[] {
  const items: Item[] = []
  eachMember(text, (name) => {
    if (name === 'values') eachItem(text, () => items.push(readItem(text)))
    else skipValue(text, 0)
  })
  return items
}

function readBool(text: Text): string {
  if (takeWord(text, 'true')) return 'true'
  takeWord(text, 'false')
  return 'false'
}

/** With or without quotes. */
function readNumberText(text: Text): string {
  if (peek(text) === BYTE.quote) return readText(text)
  const start = text.at
  readNumber(text)
  return text.bytes.toString('latin1', start, text.at)
}

function readText(text: Text): string {
  const start = readString(text)
  return text.escaped ? unescaped(text, start, text.at - 1) : text.bytes.toString('utf8', start, text.at - 1)
}

/** Visits the members of the object that begins here, which moves over their values; those that are null are left out. */
function eachMember(text: Text, visit: (name: string) => void): void {
  expect(text, BYTE.openObject)
  if (take(text, BYTE.closeObject)) return
  do {
    const name = readText(text)
    expect(text, BYTE.colon)
    if (!takeWord(text, 'null')) visit(name)
  } while (take(text, BYTE.comma))
  expect(text, BYTE.closeObject)
}

function eachItem(text: Text, visit: () => void): void {
  expect(text, BYTE.openList)
  if (take(text, BYTE.closeList)) return
  do visit()
  while (take(text, BYTE.comma))
  expect(text, BYTE.closeList)
}
