// Query parameters shared by the routes, from text to what analysis/ asks for.

import { z } from '@hono/zod-openapi'
import { attributeKey } from '#model/attributes.ts'
import { parseDuration } from '#model/durations.ts'
import { BadInput, messageOf } from '#model/errors.ts'
import { nearest } from '#model/nearest.ts'
import { parseInstant, type Window } from '#model/windows.ts'

/** The parameters of a route. Another one is a mistake of whoever asks, and named with the nearest that exists. */
export function parameters<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined
      return issue.keys.map((key) => unknownParameter(key, Object.keys(shape))).join('; ')
    },
  })
}

function unknownParameter(key: string, known: string[]): string {
  const meant = nearest(key, known)
  return `there is no parameter '${key}'${meant ? `; did you mean '${meant}'?` : `, only ${known.join(', ')}`}`
}

/** The trace id in a path; lower case, as ids are stored. */
export const traceId = z
  .string()
  .regex(/^[0-9a-fA-F]{32}$/, { error: ({ input }) => `'${input}' is no trace id: it has 32 hexadecimal digits` })
  .toLowerCase()

/** The range looked at when a request names none. */
export const DEFAULT_WINDOW_MS = 86_400_000

/** A parser that throws BadInput, as a zod transform whose problem names the parameter. */
function parsedBy<Value>(parse: (text: string) => Value) {
  return z.string({ error: 'must be given once' }).transform((text, context) => {
    try {
      return parse(text)
    } catch (error) {
      if (!(error instanceof BadInput)) throw error
      context.addIssue({ code: 'custom', message: messageOf(error) })
      return z.NEVER
    }
  })
}

export function duration(description: string) {
  return parsedBy(positiveDuration).openapi({ type: 'string', example: '24h', description })
}

function instant(description: string) {
  return parsedBy(parseInstant).openapi({ type: 'string', example: '2026-11-01T08:00:00Z', description })
}

function positiveDuration(text: string): number {
  const ms = Math.round(parseDuration(text))
  if (ms < 1) throw new BadInput(`'${text}' is too short; 1ms is the least`)
  return ms
}

/** A parameter that may be repeated. */
function repeatable<Item extends z.ZodType>(item: Item) {
  return z.preprocess((given) => (typeof given === 'string' ? [given] : given), z.array(item).optional())
}

/** One of some words; the problem of another names the nearest. */
export function word<const Words extends readonly [string, ...string[]]>(allowed: Words) {
  return z.enum(allowed, {
    error: ({ input }) => {
      const meant = typeof input === 'string' ? nearest(input, allowed) : null
      return `'${input}' is none of ${allowed.join(', ')}${meant ? `; did you mean '${meant}'?` : ''}`
    },
  })
}

/** A whole number from 1 to `most`. */
export function wholeNumber(most: number) {
  return parsedBy((text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : 0
    if (value < 1 || value > most) throw new BadInput(`'${text}' is not a whole number from 1 to ${most}`)
    return value
  }).openapi({ type: 'integer', minimum: 1, maximum: most })
}

/** One of some words, repeatable. */
export function words<const Words extends readonly [string, ...string[]]>(allowed: Words, description: string) {
  return repeatable(word(allowed)).openapi({
    type: 'array',
    items: { type: 'string', enum: [...allowed] },
    description,
  })
}

const condition = parsedBy((text) => {
  const at = text.indexOf('=')
  if (at < 1) throw new BadInput(`'${text}' is not KEY=VALUE`)
  return [attributeKey(text.slice(0, at)), text.slice(at + 1)] as const
})

export const where = repeatable(condition).openapi({
  type: 'array',
  items: { type: 'string' },
  example: ['version=1.4.0'],
  description:
    'KEY=VALUE that an attribute of the cycle or its resource must have; service, version, environment, host, revision and branch are short for their attributes',
})

/** Conditions on attributes as one record. A key that is asked for twice with two values can never hold. */
export function toFilter(conditions: (readonly [string, string])[] = []): Record<string, string> {
  const filter = new Map<string, string>()
  for (const [key, value] of conditions) {
    if ((filter.get(key) ?? value) !== value) throw new BadInput(`where: ${key} cannot have two values`)
    filter.set(key, value)
  }
  return Object.fromEntries(filter)
}

export const timeRange = {
  from: instant('start of the range, RFC 3339 or a date').optional(),
  to: instant('end of the range, not included; now when absent').optional(),
}

/** The range asked for: `from` to `to`, either of them absent; without `from` it is `defaultMs` long. */
export function toRange(
  asked: { from?: number | undefined; to?: number | undefined },
  now: number,
  defaultMs: number,
): Window {
  const to = asked.to ?? now
  const from = asked.from ?? Math.max(0, to - defaultMs)
  if (from >= to) {
    const text = (ms: number) => new Date(ms).toISOString()
    throw new BadInput(`from: ${text(from)} is not before to: ${text(to)}`)
  }
  return { from, to }
}
