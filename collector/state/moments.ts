// The order of watermarks: numbers, big integers, and times as ISO 8601 writes them. Pure.

import { BadInput } from '#model/errors.ts'

export type Mark = number | bigint | string

const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d+))?)?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i

/**
 * Below 0 when `a` comes before `b`, 0 when they are the same moment or number. Times are compared as moments, to any
 * fraction of a second; one without a zone is taken as UTC. Both must be of one kind and valid.
 */
export function compareMarks(a: Mark, b: Mark): number {
  if (typeof a !== 'string' || typeof b !== 'string') return a < b ? -1 : a > b ? 1 : 0
  const [one, other] = [momentOf(a), momentOf(b)]
  if (!one || !other) return 0
  if (one.ms !== other.ms) return one.ms - other.ms
  return one.fraction < other.fraction ? -1 : one.fraction > other.fraction ? 1 : 0
}

/** Throws BadInput, naming the watermark, for anything that is no mark. */
export function checkMark(mark: unknown, name: string): asserts mark is Mark {
  if (typeof mark === 'bigint' || Number.isFinite(mark)) return
  if (typeof mark === 'string' && momentOf(mark)) return
  const given = typeof mark === 'string' ? `'${mark.slice(0, 80)}'` : typeof mark === 'number' ? mark : typeof mark
  throw new BadInput(`watermark '${name}' cannot be ${given}; allowed are numbers, bigints and times as ISO 8601 texts`)
}

/** `ms` of the whole second, and the digits of its fraction without zeros at the end, which compare as texts do. */
function momentOf(text: string): { ms: number; fraction: string } | null {
  const [whole, date, minute = '00:00', second = '00', fraction = '', zone = 'Z'] = ISO.exec(text) ?? []
  if (whole === undefined) return null
  const offset = /^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')
  const ms = Date.parse(`${date}T${minute}:${second}${offset.toUpperCase()}`)
  return Number.isNaN(ms) ? null : { ms, fraction: fraction.replace(/0+$/, '') }
}
