// How a command ends: its exit code, and for what went wrong the lines a person reads.

import { BadInput, messageOf, Unavailable } from '#model/errors.ts'
import { harmless } from './harmless.ts'

/** The answer is good. */
export const GOOD = 0
/** The answer is no: regressed, stale, a check failed, doctor found a fault. */
export const NO = 1
/** Cannot tell: too little data, no baseline yet, an empty side. */
export const CANNOT_TELL = 2
/** Could not run: a server or a file is unreadable, data is malformed, or we have a bug. */
export const COULD_NOT_RUN = 3
/** The user's mistake: an option, a selector, the configuration, an unknown name. */
export const USAGE = 64

export type ExitCode = typeof GOOD | typeof NO | typeof CANNOT_TELL | typeof COULD_NOT_RUN | typeof USAGE

/** What was thrown, as lines for stderr and an exit code. */
export type Ending = { code: ExitCode; lines: string[] }

// A wrong file (a picture, a log) can hold thousands of problems; nobody reads them.
const MOST_PROBLEMS = 30

/** How a command that threw ends. `debug` adds the stack to what is a bug of ours, and to nothing else. */
export function endingOf(thrown: unknown, debug: boolean): Ending {
  if (thrown instanceof BadInput) return { code: USAGE, lines: badInputLines(thrown) }
  if (thrown instanceof Unavailable) return { code: COULD_NOT_RUN, lines: [line(thrown.message)] }
  const bug = `internal error: ${messageOf(thrown)}; please report it (CYCLEWATCH_DEBUG=1 shows the stack)`
  const stack = debug && thrown instanceof Error && thrown.stack ? thrown.stack.split('\n').map(harmless) : []
  return { code: COULD_NOT_RUN, lines: [line(bug), ...stack] }
}

function badInputLines({ message, problems }: BadInput): string[] {
  if (problems.length === 0) return [line(message)]
  const lines = problems.slice(0, MOST_PROBLEMS).map((problem) => harmless(`${problem.path}: ${problem.message}`))
  return problems.length > lines.length ? [...lines, `… and ${problems.length - lines.length} more`] : lines
}

function line(message: string): string {
  return `cyclewatch: ${harmless(message.trim().replace(/\s*\n\s*/g, ' '))}`
}
