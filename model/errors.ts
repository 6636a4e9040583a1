// Errors are sorted by what the caller must do. Whatever is neither of these two is a bug and crashes loudly.

import { inspect } from 'node:util'

/** What was wrong with one piece of input: where it was found and what is allowed there. */
export type Problem = { path: string; message: string }

/** The caller's mistake. Asking again without changing the input is pointless. */
export class BadInput extends Error {
  override readonly name = 'BadInput'
  readonly code: 'invalid' | 'not_found' | 'too_large' | 'unsupported' | 'unauthorized' | 'forbidden'
  readonly problems: Problem[]

  constructor(message: string, options: { code?: BadInput['code']; problems?: Problem[]; cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = options.code ?? 'invalid'
    this.problems = options.problems ?? []
  }
}

/** Something we need (server, file, port) is not usable at the moment. Asking again later may work. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
  /** `too_many`: it is the caller who asked too much; others may ask on. */
  readonly code: 'unavailable' | 'too_many'
  /** When to ask again. */
  readonly retryAfterSeconds: number

  constructor(
    message: string,
    options: { code?: Unavailable['code']; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = options.code ?? 'unavailable'
    this.retryAfterSeconds = options.retryAfterSeconds ?? 1
  }
}

/** The message of anything that was thrown, for a line meant for a person. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : typeof thrown === 'string' ? thrown : inspect(thrown)
}
