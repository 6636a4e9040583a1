// Checks of what job code hands in. A mistake in the program (a name, a kind) is BadInput; odd data is not, because
// telling about a job must not break it: it is left out, and OpenTelemetry's log says so.

import type { Span } from '@opentelemetry/api'
import { CYCLE } from '#model/attributes.ts'
import { BadInput } from '#model/errors.ts'
import { warn } from './telemetry/trouble.ts'

export type AttributeInput =
  | string
  | number
  | boolean
  | readonly string[]
  | readonly number[]
  | readonly boolean[]
  | null
  | undefined

export function checkName(name: unknown, what: string): asserts name is string {
  if (typeof name !== 'string') throw new BadInput(`${what} must be a text, not ${kindOf(name)}`)
  if (name.trim() === '') throw new BadInput(`${what} must not be empty`)
}

export function checkFunction(fn: unknown, what: string): void {
  if (typeof fn !== 'function') throw new BadInput(`${what} needs a function to run, not ${kindOf(fn)}`)
}

export function checkOneOf(value: unknown, allowed: readonly string[], what: string): asserts value is string {
  if (typeof value !== 'string' || !allowed.includes(value)) {
    const given = typeof value === 'string' ? `'${value}'` : kindOf(value)
    throw new BadInput(`${what} is ${given}; allowed are ${allowed.join(', ')}`)
  }
}

/** Sets a count; what is none leaves the attribute as it was. */
export function setCount(span: Span, key: string, count: unknown, what: string): void {
  if (typeof count === 'number' && Number.isSafeInteger(count) && count >= 0) {
    setAttribute(span, key, count)
    return
  }
  const given = typeof count === 'number' ? String(count) : kindOf(count)
  warn(`${what} must be a whole number from 0, not ${given}; this is ignored`)
}

/** Sets an attribute of any value OpenTelemetry knows; others are left out by it, and null and undefined here. */
export function setAttribute(span: Span, key: string, value: AttributeInput): void {
  checkName(key, 'the key of an attribute')
  if (value === null || value === undefined || !span.isRecording()) return
  span.setAttribute(key, value as string)
}

/** A span takes 128 attributes, and new ones after that are dropped: the rest is for what this library tells itself. */
const MOST_KEYS = 100
const OUR_KEYS = new Set<string>(Object.values(CYCLE))

/** `setAttribute` for job code, which may come with more keys than a span has room for: the first ones count. */
export function attributeSetter(span: Span): (key: string, value: AttributeInput) => void {
  let keys: Set<string> | undefined
  let isFull = false
  return (key, value) => {
    keys ??= new Set()
    const isKnown = keys.has(key) || OUR_KEYS.has(key)
    const isIgnored = !isKnown && keys.size >= MOST_KEYS
    setAttribute(span, key, isIgnored ? undefined : value)
    if (isIgnored && !isFull) warn(`a span has ${MOST_KEYS} attributes already; '${key}' and further ones are ignored`)
    isFull ||= isIgnored
    if (!isKnown && !isIgnored && value !== null && value !== undefined) keys.add(key)
  }
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`
}
