// run.check: what the data must fulfil to be worth something.

import { checkName, setAttribute } from '#collector/arguments.ts'
import type { Ongoing } from '#collector/ongoing.ts'
import { createTally } from '#collector/results/tally.ts'
import { worded } from '#collector/results/wording.ts'
import { BadInput } from '#model/errors.ts'

export type CheckOptions = {
  /** What was found instead, for a person; secrets of URLs in it are hidden. */
  detail?: string | undefined
  /** A failure is counted and shown, and leaves the outcome alone. */
  warn?: boolean | undefined
}

/** Attributes of the root span: how many checks there were, how many failed, warnings among them, and which. */
export const CHECKS = {
  total: 'cycle.checks',
  failed: 'cycle.checks.failed',
  failedNames: 'cycle.checks.failed_names',
} as const

/** A span takes 128 events, errors among them; further failures are counted. */
const MOST_EVENTS = 32

const tallyOf = createTally()

/**
 * Records that a check passed or failed, and returns `ok`. A failed one makes the cycle partial by `becomePartial`: its
 * result is kept, and something is wrong with it. Throws BadInput when `ok` is no boolean, because a promise or a
 * function in its place would pass for ever.
 */
export function checkIn(
  ongoing: Ongoing,
  name: string,
  ok: boolean,
  options: string | CheckOptions | undefined,
  becomePartial: (reason: string) => void,
): boolean {
  checkName(name, 'the name of a check')
  if (typeof ok !== 'boolean') throw new BadInput(`check '${name}' needs true or false, not ${typeof ok}`)
  const { detail, warn = false } = typeof options === 'string' ? { detail: options } : (options ?? {})
  const shown = worded(name)
  const { total, failed, names } = tallyOf(ongoing).add(1, ok ? [] : [shown])
  ongoing.span.setAttributes({ [CHECKS.total]: total, [CHECKS.failed]: failed })
  if (ok) return true
  setAttribute(ongoing.span, CHECKS.failedNames, names)
  const found = detail === undefined ? undefined : worded(String(detail))
  if (failed <= MOST_EVENTS) {
    const said = found === undefined ? {} : { 'check.detail': found }
    ongoing.span.addEvent('check.failed', { 'check.name': shown, 'check.severity': warn ? 'warn' : 'error', ...said })
  }
  if (!warn) becomePartial(found === undefined ? `check failed: ${shown}` : `check failed: ${shown} (${found})`)
  return false
}
