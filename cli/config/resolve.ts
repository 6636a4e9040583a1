// From what the file says to what it means: ${VAR} from the environment, secrets out of files, empty values dropped.

import type { Path } from '#cli/config/document.ts'
import type { Mistake } from '#cli/config/problems.ts'
import { inside, isSecret, keysOf, kindOf, type Shape } from '#cli/config/shape.ts'
import { messageOf } from '#model/errors.ts'

export type Sources = {
  env: Readonly<Record<string, string | undefined>>
  /** The text of a file named in the configuration; throws an error fit to be read. */
  readText(path: string): string
}

export type Resolved = {
  value: unknown
  mistakes: Mistake[]
  /** Paths whose text came out of the environment: not to be repeated in messages. */
  fromOutside: Path[]
}

/** Resolves everything at once; a value with a mistake stays as it is written. */
export function resolve(value: unknown, shape: Shape, sources: Sources): Resolved {
  const notes: Notes = { mistakes: [], fromOutside: [] }
  return { value: resolveValue(value, shape, [], { sources, notes }), ...notes }
}

type Notes = { mistakes: Mistake[]; fromOutside: Path[] }
type Work = { sources: Sources; notes: Notes }

function resolveValue(value: unknown, shape: Shape, path: Path, work: Work): unknown {
  if (typeof value === 'string') return resolveText(value, shape, path, work)
  if (Array.isArray(value)) {
    return value.map((item, index) => resolveValue(item, inside(shape, index), [...path, index], work))
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  return resolveObject(value as Record<string, unknown>, shape, path, work)
}

function resolveObject(value: Record<string, unknown>, shape: Shape, path: Path, work: Work): Record<string, unknown> {
  const entries = Object.entries(value).flatMap(([key, inner]): [string, unknown][] => {
    const secret = secretOf(key, shape)
    // `key:` with nothing behind it, or with everything behind it commented out, is a key not set.
    if (inner === null && (secret ?? inside(shape, key))) return []
    if (!secret) return [[key, resolveValue(inner, inside(shape, key), [...path, key], work)]]
    if (!Object.hasOwn(value, secret)) return [[secret, secretFromFile(inner, [...path, key], work)]]
    note(work, [...path, key], `cannot stand beside ${secret}; keep one of the two`, 'key')
    return []
  })
  return Object.fromEntries(entries)
}

/** The secret a key such as `password_file` reads, or null for every other key. */
function secretOf(key: string, shape: Shape): string | null {
  const name = key.endsWith('_file') ? key.slice(0, -'_file'.length) : ''
  return keysOf(shape).includes(name) && isSecret(inside(shape, name)) ? name : null
}

function secretFromFile(file: unknown, path: Path, work: Work): string {
  const known = work.notes.mistakes.length
  const name = typeof file === 'string' ? resolveText(file, null, path, work) : null
  if (work.notes.mistakes.length > known) return ''
  if (typeof name !== 'string' || name === '') {
    note(work, path, 'must be the path of a file')
    return ''
  }
  try {
    const secret = work.sources.readText(name).replace(/\r?\n$/, '')
    if (secret === '') note(work, path, 'names an empty file')
    return secret
  } catch (error) {
    note(work, path, messageOf(error))
    return ''
  }
}

const PLACEHOLDER = /(\$?)\$\{([^}]*)\}/g

function resolveText(text: string, shape: Shape, path: Path, work: Work): unknown {
  let replaced = false
  const resolved = text.replace(PLACEHOLDER, (whole, escaped: string, name: string) => {
    if (escaped) return `\${${name}}`
    replaced = true
    const value = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? work.sources.env[name] : null
    if (value === null) note(work, path, `${whole} is not understood; write \${NAME}, and $\${ for a plain \${`)
    if (value === undefined) note(work, path, `the environment variable ${name} is not set`)
    return value ?? whole
  })
  if (!replaced) return resolved
  work.notes.fromOutside.push(path)
  return asWanted(resolved, kindOf(shape))
}

// The environment holds only text; `httpPort: ${PORT}` means a number all the same.
function asWanted(text: string, kind: string | undefined): unknown {
  if (kind === 'number' && text.trim() !== '' && Number.isFinite(Number(text))) return Number(text)
  if (kind === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

function note({ notes }: Work, path: Path, message: string, part: Mistake['part'] = 'value'): void {
  notes.mistakes.push({ path, part, message })
}
