// What somebody probably meant to type.

import { distance } from 'fastest-levenshtein'

/** The candidate closest to `word`, or null when none is close enough to be a slip of the fingers. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const ranked = candidates
    .map((candidate) => ({ candidate, edits: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits)
  const best = ranked[0]
  return best && best.edits <= Math.max(2, Math.floor(word.length / 3)) ? best.candidate : null
}
