// What a user says about one kind of cycle: its name, which foreign traces belong to it, and what counts as slow.

import { z } from 'zod'
import { type Bounds, DEFAULT_BOUNDS } from './buckets.ts'
import type { Match } from './cycles.ts'
import { parseDuration } from './durations.ts'
import { messageOf } from './errors.ts'

export type Definition = { name: string; match?: Match; bounds: Bounds }

// A bound beyond ten years is a slip of the pen, and digits without end would become Infinity.
const LONGEST_MS = 10 * 365 * 86_400_000

// Rules between fields run even when a field is wrong, so that one reading of the file reports every problem.
const ALWAYS = { when: () => true }

const word = z
  .string()
  .max(200, 'must not be longer than 200 characters')
  .refine((text) => text.trim() !== '', 'must not be empty')
  .refine((text) => !/\p{Cc}/u.test(text), 'must not hold line breaks or control characters')

const bound = z
  .string({ error: ({ input }) => (input === undefined ? undefined : 'must be a duration such as 25s') })
  .superRefine((text, { addIssue }) => {
    const problem = durationProblem(text)
    if (problem) addIssue(problem)
  })

const buckets = z.strictObject({ fast: bound, normal: bound, slow: bound }).superRefine((bounds, { addIssue }) => {
  for (const [key, message] of orderProblems(bounds)) addIssue({ code: 'custom', path: [key], message })
}, ALWAYS)

// As a person would write them.
const DEFAULT_BUCKETS = {
  fast: `${DEFAULT_BOUNDS.fastMs / 1_000}s`,
  normal: `${DEFAULT_BOUNDS.normalMs / 1_000}s`,
  slow: `${DEFAULT_BOUNDS.slowMs / 1_000}s`,
}

const entry = z.strictObject({
  name: word,
  match: z.strictObject({ service: word, span: word }).exactOptional(),
  buckets: buckets.default(DEFAULT_BUCKETS),
})
type Entry = z.output<typeof entry>

const entries = z.array(entry).superRefine((list, { addIssue }) => {
  for (const [path, message] of repetitions(list)) addIssue({ code: 'custom', path, message })
}, ALWAYS)

/** The section `cycles`: a list of entries outside, `Definition[]` inside. */
export const definitionsConfig = entries.transform((list): Definition[] => list.map(toDefinition)).prefault([])

function toDefinition({ name, match, buckets: { fast, normal, slow } }: Entry): Definition {
  const bounds = { fastMs: parseDuration(fast), normalMs: parseDuration(normal), slowMs: parseDuration(slow) }
  return match ? { name, match, bounds } : { name, bounds }
}

function durationProblem(text: string): string | null {
  try {
    const ms = parseDuration(text)
    if (ms === 0) return 'must be more than zero'
    return ms > LONGEST_MS ? 'must not be more than 3650d' : null
  } catch (error) {
    return messageOf(error)
  }
}

function orderProblems(bounds: unknown): [key: string, message: string][] {
  const { fast, normal, slow } = (bounds ?? {}) as Record<string, unknown>
  const pairs = [
    ['fast', fast, 'normal', normal],
    ['normal', normal, 'slow', slow],
  ] as const
  return pairs.flatMap(([lowKey, low, highKey, high]) => {
    if (typeof low !== 'string' || typeof high !== 'string' || durationProblem(low) || durationProblem(high)) return []
    if (parseDuration(low) < parseDuration(high)) return []
    return [[highKey, `must be more than ${lowKey}: ${high} is not more than ${low}`]]
  })
}

function repetitions(list: unknown): [path: (string | number)[], message: string][] {
  if (!Array.isArray(list)) return []
  const names = list.map((item) => item?.name)
  const matches = list.map((item) => item?.match && JSON.stringify([item.match.service, item.match.span]))
  return list.flatMap((_, index) => {
    const problems: [(string | number)[], string][] = []
    const sameName = names.indexOf(names[index])
    if (names[index] !== undefined && sameName < index) {
      problems.push([[index, 'name'], `is the name of cycles[${sameName}] already`])
    }
    const sameMatch = matches.indexOf(matches[index])
    if (matches[index] !== undefined && sameMatch < index) {
      problems.push([[index, 'match'], `is the same as that of cycles[${sameMatch}]: a trace belongs to one cycle`])
    }
    return problems
  })
}
