// What the answers of one round look like: RTT and load, averaged. A round is about as many answers as are in flight at
// once, so that one round's answers tell of one setting of the limit. Pure.
//
// RTTs are averaged as logarithms: queueing multiplies them, and one answer ten times slower than usual then weighs as
// one ten times faster does, instead of outweighing the rest.

/** Sums over answers, in which older ones count for less and less. */
export type Round = {
  /** Answers since it was last looked at. */
  fresh: number
  /** How often it was looked at without a decision. */
  looks: number
  weight: number
  logs: number
  squares: number
  loads: number
}

export const EMPTY_ROUND: Round = { fresh: 0, looks: 0, weight: 0, logs: 0, squares: 0, loads: 0 }

/** `log` is the mean natural logarithm of the RTT in ms, with its variance; `load` the mean number in flight. */
export type Summary = { log: number; variance: number; weight: number; load: number }

/** Clocks do not tell shorter times from each other, over a network least of all. */
const SHORTEST_MS = 0.1

export function withAnswer(round: Round, rttMs: number, inFlight: number): Round {
  const log = Math.log(Math.max(rttMs, SHORTEST_MS))
  return {
    fresh: round.fresh + 1,
    looks: round.looks,
    weight: round.weight + 1,
    logs: round.logs + log,
    squares: round.squares + log * log,
    loads: round.loads + inFlight,
  }
}

export function summary({ weight, logs, squares, loads }: Round): Summary {
  const log = logs / weight
  const variance = (Math.max(0, squares / weight - log * log) * weight) / Math.max(1, weight - 1)
  return { log, variance, weight, load: loads / weight }
}

/** Old answers still help against noise, but must not hide for long that something changed. */
const KEPT = 0.7

/** The round after a look that decided nothing. */
export function lookedAt({ looks, weight, logs, squares, loads }: Round): Round {
  return {
    fresh: 0,
    looks: looks + 1,
    weight: weight * KEPT,
    logs: logs * KEPT,
    squares: squares * KEPT,
    loads: loads * KEPT,
  }
}
