// Checks of sizes and times a job gives to its caches. Pure.

import { inspect } from 'node:util'
import { BadInput } from '#model/errors.ts'

/** Throws BadInput unless it is a whole number of bytes from `least`. */
export function checkBytes(value: unknown, least: number, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value
  throw new BadInput(`${what} is ${shown(value)}; it must be a whole number of bytes from ${least}`)
}

/** Throws BadInput unless it is a time in ms, above 0 unless `mayBeZero`. */
export function checkMs(value: unknown, what: string, mayBeZero = false): number {
  if (typeof value === 'number' && Number.isFinite(value) && (mayBeZero ? value >= 0 : value > 0)) return value
  throw new BadInput(
    `${what} is ${shown(value)}; it must be a number of milliseconds ${mayBeZero ? 'from' : 'above'} 0`,
  )
}

function shown(value: unknown): string {
  return inspect(value, { depth: 0, maxStringLength: 40 })
}
