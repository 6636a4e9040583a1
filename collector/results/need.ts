// How much of a gathering must succeed. Pure.

import { BadInput } from '#model/errors.ts'

/** All of them, at least so many, or at least those named. */
export type Need<Name extends string = string> = 'all' | number | readonly Name[]

/** Throws BadInput for what these collectors can never fulfil. */
export function checkNeed(need: unknown, names: readonly string[]): asserts need is Need {
  if (need === 'all') return
  if (Array.isArray(need)) {
    const unknown = need.find((name) => !names.includes(name))
    if (unknown !== undefined) {
      throw new BadInput(`need names '${String(unknown)}', which is not gathered; gathered are ${names.join(', ')}`)
    }
    return
  }
  if (typeof need === 'number' && Number.isInteger(need) && need >= 0 && need <= names.length) return
  const given = typeof need === 'object' ? 'an object' : `'${String(need)}'`
  throw new BadInput(
    `need is ${given}; allowed are 'all', a list of names, and a whole number from 0 to ${names.length}`,
  )
}

export function isEnough(need: Need, names: readonly string[], missing: readonly string[]): boolean {
  if (need === 'all') return missing.length === 0
  if (typeof need === 'number') return names.length - missing.length >= need
  return !need.some((name) => missing.includes(name))
}

/** As in `needs 7`, `needs all` or `needs prices, volumes`. */
export function needText(need: Need): string {
  return typeof need === 'object' ? need.join(', ') : String(need)
}
