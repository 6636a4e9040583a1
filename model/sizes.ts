// Amounts of bytes as people write and read them: `512`, `64MiB`, `10GB`. Inside, always bytes.

import { z } from 'zod'
import { BadInput } from './errors.ts'

const UNITS: Record<string, number> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

const ALLOWED =
  'a number of bytes, or a number and kB, MB, GB, TB (of 1000) or KiB, MiB, GiB, TiB (of 1024), as in 10GB'

/** Whole bytes of a size such as `10GB`, in any case; a number alone is bytes. Throws BadInput for anything else. */
export function parseSize(text: string): number {
  const [, amount, unit = 'b'] = /^(\d+(?:\.\d+)?)\s*([a-z]+)?$/.exec(text.trim().toLowerCase()) ?? []
  const factor = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined
  const size = amount && factor ? Math.round(Number(amount) * factor) : Number.NaN
  if (!Number.isSafeInteger(size)) throw new BadInput(`'${text}' is not a size; write ${ALLOWED}`)
  return size
}

const SHOWN = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** Three significant digits in the unit a person would choose: `512 B`, `1.5 kB`, `10 GB`. Units are of 1000. */
export function formatSize(bytes: number): string {
  const rounded = Number(bytes.toPrecision(3))
  const power = Math.min(SHOWN.length - 1, rounded < 1 ? 0 : Math.floor(Math.log10(rounded) / 3))
  return `${Number((rounded / 1e3 ** power).toPrecision(3))} ${SHOWN[power]}`
}

/** A size of the configuration: a number or text outside, bytes inside. The value is not repeated in messages. */
export function sizeConfig({ min, max = Number.MAX_SAFE_INTEGER }: { min: number; max?: number }) {
  return z.union([z.number(), z.string()], { error: `must be ${ALLOWED}` }).transform((value, context) => {
    const problem = sizeProblem(value, min, max)
    if (problem === null) return parseSize(String(value))
    context.addIssue({ code: 'custom', message: problem })
    return z.NEVER
  })
}

function sizeProblem(value: number | string, min: number, max: number): string | null {
  try {
    const size = typeof value === 'number' ? value : parseSize(value)
    if (!Number.isSafeInteger(size)) return 'must be a whole number of bytes'
    if (size < min) return `must be at least ${min} ${min === 1 ? 'byte' : 'bytes'}`
    return size > max ? `must be at most ${max} bytes` : null
  } catch (error) {
    if (error instanceof BadInput) return `must be ${ALLOWED}`
    throw error
  }
}
