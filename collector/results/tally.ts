// Counts of a cycle with the names of what failed in it, so that completeness is a number and the gaps have names.

import type { Ongoing } from '#collector/ongoing.ts'

export type Tally = {
  readonly total: number
  readonly failed: number
  /** Each once, and no more than `MOST_NAMES`. */
  readonly names: string[]
  add(total: number, failed: readonly string[]): Tally
}

/** A list on a span is for reading; how many there are is counted beside it. */
const MOST_NAMES = 32

/** Returns the tally of a cycle, made at its first use and forgotten with it. */
export function createTally(): (ongoing: Ongoing) => Tally {
  const tallies = new WeakMap<Ongoing, Tally>()
  return (ongoing) => {
    const known = tallies.get(ongoing) ?? openTally()
    tallies.set(ongoing, known)
    return known
  }
}

function openTally(): Tally {
  let total = 0
  let failed = 0
  const names = new Set<string>()
  const tally: Tally = {
    get total() {
      return total
    },
    get failed() {
      return failed
    },
    get names() {
      return [...names]
    },
    add(more, failures) {
      total += more
      failed += failures.length
      for (const name of failures) if (names.size < MOST_NAMES) names.add(name)
      return tally
    },
  }
  return tally
}
