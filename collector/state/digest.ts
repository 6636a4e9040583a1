// Fingerprints for the state file: of keys, so that they are short and hide what they say, and of rows, because SQLite
// does not notice a flipped bit inside a value.

import { hash } from 'node:crypto'

const CHARACTERS = 20

/** 120 bits of SHA-256 over the parts in this order, as 20 characters. */
export function digest(...parts: readonly string[]): string {
  const whole = parts.map((part) => `${part.length}:${part}`).join('')
  return hash('sha256', whole, 'base64url').slice(0, CHARACTERS)
}
