// Checks of the amounts that limits are given in.

import { BadInput } from '#model/errors.ts'

/** Throws BadInput unless `value` is a whole number from `least` up, or Infinity where that is `unlimited`. */
export function checkWhole(value: unknown, what: string, { least = 1, unlimited = false } = {}): void {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return
  if (unlimited && value === Number.POSITIVE_INFINITY) return
  throw new BadInput(
    `${what} is ${shown(value)}; it must be a whole number from ${least}${unlimited ? ', or Infinity' : ''}`,
  )
}

/** Throws BadInput unless `value` is a finite number of milliseconds above 0. */
export function checkDuration(value: unknown, what: string): void {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return
  throw new BadInput(`${what} is ${shown(value)}; it must be a number of milliseconds above 0`)
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
