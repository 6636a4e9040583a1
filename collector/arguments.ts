// Checks of what job code hands in. A mistake in the program (a name, a kind) is BadInput; odd data is not, because
// telling about a job must not break it.

import type { Span } from '@opentelemetry/api'
import { BadInput } from '#model/errors.ts'

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

export function checkCount(count: unknown, what: string): void {
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0) {
    const given = typeof count === 'number' ? String(count) : kindOf(count)
    throw new BadInput(`${what} must be a whole number from 0, not ${given}`)
  }
}

/** Sets an attribute of any value OpenTelemetry knows; others are left out by it, and null and undefined here. */
export function setAttribute(span: Span, key: string, value: AttributeInput): void {
  checkName(key, 'the key of an attribute')
  if (value === null || value === undefined || !span.isRecording()) return
  span.setAttribute(key, value as string)
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`
}
