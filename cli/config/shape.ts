// What a schema says about the value at a path: its keys, whether it is secret, which kind it wants.
// Reads zod's definitions, so that schemas need say nothing twice.

import type { z } from 'zod'
import type { Path } from '#cli/config/document.ts'

/** One place in the configuration; `null` for what no schema describes. */
export type Shape = z.core.$ZodType | null

/** The shape one key or index further in. */
export function inside(shape: Shape, step: PropertyKey): Shape {
  const def = bare(shape)
  if (def?.type === 'object') return Object.hasOwn(def.shape, step) ? (def.shape[String(step)] ?? null) : null
  if (def?.type === 'array') return def.element
  if (def?.type === 'record') return def.valueType
  return null
}

export function at(shape: Shape, path: Path): Shape {
  return path.reduce(inside, shape)
}

/** The keys an object may have; none for anything else. */
export function keysOf(shape: Shape): string[] {
  const def = bare(shape)
  return def?.type === 'object' ? Object.keys(def.shape) : []
}

/** The kind of value wanted, in zod's word: string, number, object, array … */
export function kindOf(shape: Shape): string | undefined {
  return bare(shape)?.type
}

/** Whether a schema, or what it wraps, was marked with `.meta({ secret: true })`. */
export function isSecret(shape: Shape): boolean {
  for (let layer = shape; layer; layer = wrapped(layer)) {
    if ((layer as z.ZodType).meta?.()?.secret === true) return true
  }
  return false
}

/** What stands in the file for a value left out, or undefined. */
export function defaultOf(shape: Shape): unknown {
  for (let layer = shape; layer; layer = wrapped(layer)) {
    const def = definition(layer)
    if (def.type === 'default' || def.type === 'prefault') return def.defaultValue
  }
  return undefined
}

type Def = z.core.$ZodTypes['_zod']['def']

function bare(shape: Shape): Def | null {
  let layer = shape
  for (let next = layer; next; next = wrapped(next)) layer = next
  return layer ? definition(layer) : null
}

// Defaults and codecs say how to read a value, not what it looks like in the file.
function wrapped(shape: z.core.$ZodType): Shape {
  const def = definition(shape)
  switch (def.type) {
    case 'default':
    case 'prefault':
    case 'optional':
    case 'nullable':
    case 'readonly':
      return def.innerType
    case 'pipe':
      // z.preprocess is a pipe that begins with its function.
      return definition(def.in).type === 'transform' ? def.out : def.in
    default:
      return null
  }
}

function definition(shape: z.core.$ZodType): Def {
  return shape._zod.def as Def
}
