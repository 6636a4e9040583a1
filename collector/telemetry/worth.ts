// What a cycle cost and which flags it followed, on its root span, so that cycles can be compared by them.

import { type AttributeInput, checkName, setAttribute } from '#collector/arguments.ts'
import type { Ongoing } from '#collector/ongoing.ts'
import { tellFlag } from '#collector/telemetry/events.ts'
import { warn } from '#collector/telemetry/trouble.ts'
import { CYCLE } from '#model/attributes.ts'
import { BadInput } from '#model/errors.ts'

const costs = new WeakMap<Ongoing, number>()

/**
 * Adds to `cycle.cost`, in whatever currency the job counts. Amounts are numbers from 0; anything else is ignored.
 * A `cycle.cost` that the job set itself is overwritten.
 */
export function addCost(ongoing: Ongoing, amount: number): void {
  if (typeof amount !== 'number' || !(amount >= 0 && amount < Number.POSITIVE_INFINITY)) {
    warn(`a cost in cycle '${ongoing.name}' must be a number from 0, not ${String(amount)}; this is ignored`)
    return
  }
  const cost = (costs.get(ongoing) ?? 0) + amount
  costs.set(ongoing, cost)
  // To a millionth: a thousand times 0.005 is 5, not 4.999999999999966.
  setAttribute(ongoing.span, CYCLE.cost, Math.round(cost * 1e6) / 1e6)
}

/**
 * Says which variant of a feature flag this cycle follows: `feature_flag.<key>` on the root span by `set`, the cycle's own
 * setter, and an event by the semantic conventions. Throws BadInput for an empty key or a value that is no text, number or
 * boolean.
 */
export function flagIn(
  ongoing: Ongoing,
  set: (key: string, value: AttributeInput) => void,
  key: string,
  value: string | number | boolean,
): void {
  checkName(key, `a flag's key in cycle '${ongoing.name}'`)
  if (!['string', 'number', 'boolean'].includes(typeof value)) {
    throw new BadInput(`flag '${key}' of cycle '${ongoing.name}' must be a text, a number or a boolean`)
  }
  set(`feature_flag.${key}`, value)
  tellFlag(ongoing, key, value)
}
