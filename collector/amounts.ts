// Checks of the amounts that limits are given in: each returns what it was given. Pure.

import { inspect } from 'node:util'
import { BadInput } from '#model/errors.ts'

type Range = { least?: number; unlimited?: boolean; unit?: string }

/** Throws BadInput unless `value` is a whole number, of `unit`, from `least` up, or Infinity where that is `unlimited`. */
export function checkWhole(value: unknown, what: string, { least = 1, unlimited = false, unit }: Range = {}): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value
  if (unlimited && value === Number.POSITIVE_INFINITY) return value
  const of = unit === undefined ? '' : ` of ${unit}`
  const orInfinity = unlimited ? ', or Infinity' : ''
  throw new BadInput(`${what} is ${shown(value)}; it must be a whole number${of} from ${least}${orInfinity}`)
}

/** Throws BadInput unless `value` is a finite number of milliseconds above 0, or from 0 where it `mayBeZero`. */
export function checkMs(value: unknown, what: string, { mayBeZero = false } = {}): number {
  if (typeof value === 'number' && Number.isFinite(value) && (mayBeZero ? value >= 0 : value > 0)) return value
  const from = mayBeZero ? 'from' : 'above'
  throw new BadInput(`${what} is ${shown(value)}; it must be a number of milliseconds ${from} 0`)
}

function shown(value: unknown): string {
  return inspect(value, { depth: 0, maxStringLength: 40 })
}
