// The configuration as it would stand in a file if everything were said: what was written, and every default.

import { defaultOf, inside, isSecret, keysOf, type Shape } from '#cli/config/shape.ts'

/** `value` (as resolved, and accepted by its schema) with its defaults, and `***` for every secret that is set. */
export function effective(value: unknown, shape: Shape): unknown {
  const said = value === undefined ? defaultOf(shape) : value
  if (isSecret(shape)) return said === '' || said === undefined ? said : '***'
  if (Array.isArray(said)) return said.map((item, index) => effective(item, inside(shape, index)))
  if (typeof said !== 'object' || said === null) return said
  const keys = new Set([...keysOf(shape), ...Object.keys(said)])
  const entries = [...keys].map((key) => [key, effective((said as Record<string, unknown>)[key], inside(shape, key))])
  return Object.fromEntries(entries.filter(([, inner]) => inner !== undefined))
}
