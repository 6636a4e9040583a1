// Texts of the job as a trace shows them: without secrets, and no longer than a person reads.

import { LONGEST_TEXT, redact, redactCut } from '#collector/redact.ts'

/** At most `longest` characters, which is not above `LONGEST_TEXT`, and a mark when there were more. */
export function worded(text: string, longest: number = LONGEST_TEXT): string {
  const isCut = text.length > LONGEST_TEXT
  const clean = isCut ? redactCut(text.slice(0, LONGEST_TEXT)) : redact(text)
  return isCut || clean.length > longest ? `${clean.slice(0, longest)}…` : clean
}
