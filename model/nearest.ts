// What somebody probably meant to type.

import { distance } from 'fastest-levenshtein'

/** The candidate closest to `word`, or that contains it; null when none could be meant. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const ranked = candidates
    .map((candidate) => ({ candidate, edits: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits)
  const best = ranked[0]
  if (best && best.edits <= Math.max(2, Math.floor(word.length / 3))) return best.candidate
  const whole = candidates.find((candidate) => candidate.toLowerCase().includes(word.toLowerCase()))
  return word.length >= 3 && whole !== undefined ? whole : null
}
