// What a gathering lacks: told in the trace, and as an error when it is too much.

import { outcomeOf } from '#collector/faults.ts'
import type { Ongoing } from '#collector/ongoing.ts'
import { type Need, needText } from '#collector/results/need.ts'
import { createTally } from '#collector/results/tally.ts'
import { worded } from '#collector/results/wording.ts'
import { messageOf } from '#model/errors.ts'

export type Missing<Name extends string = string> = { name: Name; error: unknown }

/** `errors` has what each missing collector threw; `cause` is one of them, a timeout only when all were. */
export type GatherError = AggregateError & { name: 'GatherError'; missing: Missing[] }

/** Attributes of the root span: how many collectors were asked, how many failed, and which. */
export const PARTS = {
  expected: 'cycle.parts.expected',
  failed: 'cycle.parts.failed',
  missing: 'cycle.parts.missing',
} as const

/** A reason is read by a person: more of it hides the names behind it. */
const LONGEST_REASON = 300

/** Adds up over all gatherings of the cycle. */
export function tellParts(ongoing: Ongoing, expected: number, missing: readonly Missing[]): void {
  const { total, failed, names } = tallyOf(ongoing).add(
    expected,
    missing.map(({ name }) => worded(name)),
  )
  ongoing.span.setAttributes({ [PARTS.expected]: total, [PARTS.failed]: failed })
  if (failed > 0) ongoing.span.setAttribute(PARTS.missing, names)
}

const tallyOf = createTally()

/** As in `2 of 10 are missing: prices (…); volumes (…)`. */
export function missingText(expected: number, missing: readonly Missing[]): string {
  const each = missing.map(({ name, error }) => `${worded(name)} (${worded(messageOf(error), LONGEST_REASON)})`)
  return `${missing.length} of ${expected} ${missing.length === 1 ? 'is' : 'are'} missing: ${each.join('; ')}`
}

export function shortError(need: Need, expected: number, missing: readonly Missing[]): GatherError {
  const message = `gather needs ${needText(need)}, and ${missingText(expected, missing)}`
  const errors = missing.map(({ error }) => error)
  const cause = errors.find((error) => outcomeOf(error) !== 'timeout') ?? errors[0]
  const error = new AggregateError(errors, message, { cause })
  return Object.assign(error, { name: 'GatherError' as const, missing: [...missing] })
}
