// What zod found, in the words of the file: keys, text, lists; what is allowed; the nearest valid name.

import type { z } from 'zod'
import type { Path } from '#cli/config/document.ts'
import { at, isSecret, keysOf, type Shape } from '#cli/config/shape.ts'
import { nearest } from '#model/nearest.ts'

/** Something wrong at a path; `part` says whether the key or its value is to blame. */
export type Mistake = { path: Path; part: 'key' | 'value'; message: string }

/** The keys that may stand in the file: those of the schema, and `x_file` for every secret `x`. */
function writableKeys(shape: Shape): string[] {
  return keysOf(shape).flatMap((key) => (isSecret(at(shape, [key])) ? [key, `${key}_file`] : [key]))
}

/** zod's issues as mistakes: one for each unknown key, where zod has one for all of them. */
export function mistakesOf(issues: readonly z.core.$ZodIssue[], shape: Shape): Mistake[] {
  return issues.flatMap((issue): Mistake[] => {
    if (issue.code !== 'unrecognized_keys') return [{ path: issue.path, part: 'value', message: issue.message }]
    const allowed = writableKeys(at(shape, issue.path))
    return issue.keys.map((key) => ({ path: [...issue.path, key], part: 'key', message: unknownKey(key, allowed) }))
  })
}

function unknownKey(key: string, allowed: string[]): string {
  const close = nearest(key, allowed)
  return close ? `is not a key here; did you mean ${close}?` : `is not a key here; allowed are ${allowed.join(', ')}`
}

const KINDS: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of keys',
  record: 'a group of keys',
}

/**
 * The wording of issues for which a schema has none of its own, as zod's `error` option.
 * Values for which `hidden` holds are not repeated: secrets, and what came from the environment.
 */
export function wording(hidden: (path: Path) => boolean): z.core.$ZodErrorMap {
  return (issue) => {
    const found = hidden(issue.path ?? []) ? '' : `, not ${describe(issue.input)}`
    switch (issue.code) {
      case 'invalid_type': {
        if (issue.input === undefined) return 'is missing'
        const quotes = issue.expected === 'string' && typeof issue.input !== 'object' ? ' (put it in quotes)' : ''
        return `must be ${KINDS[issue.expected] ?? issue.expected}${found}${quotes}`
      }
      case 'too_small':
        return `must be ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}${unit(issue.origin)}${found}`
      case 'too_big':
        return `must be ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}${unit(issue.origin)}${found}`
      case 'invalid_value':
        return `must be ${issue.values.map(String).join(' or ')}${found}`
      default:
        return undefined
    }
  }
}

function unit(origin: string): string {
  if (origin === 'string') return ' characters long'
  return origin === 'array' || origin === 'set' ? ' items long' : ''
}

function describe(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a group of keys'
  if (typeof value !== 'string') return String(value)
  return value.length > 40 ? `'${value.slice(0, 40)}…'` : `'${value}'`
}
