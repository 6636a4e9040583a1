// A YAML file as plain values, and the way back from a value to its line.

import {
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from 'yaml'
import { messageOf } from '#model/errors.ts'

export type Path = readonly PropertyKey[]
export type Place = { line: number; column: number }
export type Flaw = Place & { message: string }

export type YamlDocument = {
  /** Null when the file is empty. */
  value: unknown
  /** What is wrong with the YAML itself. When `readable` is false, `value` is not worth a look. */
  flaws: Flaw[]
  readable: boolean
  /** Where the value at a path stands, or the nearest value around it when there is none; `'key'` means its key. */
  placeOf(path: Path, part: 'key' | 'value'): Place
}

const TOP: Place = { line: 1, column: 1 }

const WORDING: Record<string, string> = {
  DUPLICATE_KEY: 'this key is here twice',
  TAB_AS_INDENT: 'a tab indents this line; use spaces',
  TAG_RESOLVE_FAILED: 'this value does not fit its tag, or the tag (!name) is not known; leave it out',
  RESOURCE_EXHAUSTION: 'this is nested too deep',
  MULTIPLE_DOCS: 'a second document begins here; the file must hold one',
}

/** Reads YAML 1.2. Never throws: `flaws` says what is wrong. */
export function readYaml(text: string): YamlDocument {
  try {
    return parse(text)
  } catch (error) {
    return { value: null, flaws: [{ ...TOP, message: tooMuch(error) }], readable: false, placeOf: () => TOP }
  }
}

/** What the parser throws is about size: aliases of aliases that would fill the memory, nesting, the stack. */
function tooMuch(error: unknown): string {
  if (error instanceof RangeError) return 'is nested too deep'
  return error instanceof ReferenceError ? 'repeats its parts (&name, *name) too often' : messageOf(error)
}

function parse(text: string): YamlDocument {
  const lines = new LineCounter()
  // Keys are text, or `1: x` would make a number of a name.
  const document = parseDocument(protect(text), { lineCounter: lines, prettyErrors: false, stringKeys: true })
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return line === 0 ? TOP : { line, column: col }
  }
  const readable = document.errors.every(({ code }) => code === 'DUPLICATE_KEY')
  const flaws = [...document.errors, ...document.warnings].map(({ code, message, pos }) => ({
    ...placeAt(pos[0]),
    message: WORDING[code] ?? restore(message),
  }))
  const lost = readable
    ? lostAliases(document).map(({ offset, name }) => ({ ...placeAt(offset), message: lostAlias(name) }))
    : []
  return {
    value: readable && lost.length === 0 ? restoreAll(document.toJS()) : null,
    flaws: firstOfEachLine([...flaws, ...lost]),
    readable: readable && lost.length === 0,
    placeOf: (path, part) => placeAt(offsetOf(document.contents, path, part) ?? 0),
  }
}

function lostAliases(document: Document): { offset: number; name: string }[] {
  const lost: { offset: number; name: string }[] = []
  visit(document, {
    Alias: (_, alias) => {
      if (!alias.resolve(document)) lost.push({ offset: alias.range?.[0] ?? 0, name: alias.source })
    },
  })
  return lost
}

function lostAlias(name: string): string {
  return `*${name} means a value marked &${name} above, and there is none; put text that begins with * in quotes`
}

// One slip often makes the parser stumble several times.
function firstOfEachLine(flaws: Flaw[]): Flaw[] {
  const seen = new Set<number>()
  return flaws.filter(({ line }) => !seen.has(line) && seen.add(line))
}

// `{ password: ${SECRET} }` is no YAML, since braces end a plain value there. Two private characters stand in for the
// braces while the file is parsed; nothing moves, so lines and columns stay true.
const [OPEN, CLOSE] = ['\uE000', '\uE001']

function protect(text: string): string {
  return text.replace(/\$\{([^{}\n]*)\}/g, `$$${OPEN}$1${CLOSE}`)
}

function restore(text: string): string {
  return text.replaceAll(OPEN, '{').replaceAll(CLOSE, '}')
}

function restoreAll(value: unknown): unknown {
  if (typeof value === 'string') return restore(value)
  if (Array.isArray(value)) return value.map(restoreAll)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [restore(key), restoreAll(inner)]))
}

function offsetOf(root: Node | null, path: Path, part: 'key' | 'value'): number | undefined {
  let node: unknown = root
  let offset = root?.range?.[0]
  for (const [index, step] of path.entries()) {
    const child = childOf(node, step)
    if (child === undefined) return offset
    const wanted = isPair(child) ? (part === 'key' && index === path.length - 1 ? child.key : child.value) : child
    node = isPair(child) ? child.value : child
    offset = startOf(wanted) ?? startOf(isPair(child) ? child.key : null) ?? offset
  }
  return offset
}

function childOf(node: unknown, step: PropertyKey): Pair | Node | undefined {
  if (isSeq(node)) return node.items[Number(step)] as Node | undefined
  if (!isMap(node)) return undefined
  return node.items.findLast(({ key }) => isScalar(key) && restore(String(key.value)) === step)
}

function startOf(node: unknown): number | undefined {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range?.[0] : undefined
}
