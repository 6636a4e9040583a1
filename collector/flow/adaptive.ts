// Adaptive concurrency: finds how many requests a host takes at once before it slows down, and backs off when it slows or
// refuses. Pure: a state and one answer give the next state.
//
// Up to the knee, more requests in flight mean more answers a second; beyond it they wait inside the host. By Little's
// law (in flight = rate × time) a host with room for k at once answers n > k in n/k times its unloaded RTT, so `n ×
// unloaded / RTT` is the knee: TCP Vegas (Brakmo & Peterson 1995). The limit grows while RTT stays near the unloaded one,
// towards where trouble was last met in halving steps and slowly past it (BIC, Xu, Harfoush & Rhee 2004), and is
// multiplied down on trouble: AIMD is what makes several clients share a host fairly (Chiu & Jain 1989). A cut goes by the
// share of answers that were dropped (DCTCP, Alizadeh et al. 2010), so that one lost answer is not taken for an outage;
// when nothing but drops came since the last cut, the limit is halved.
//
// What goes wrong in others of this kind, and what is done here:
// - A timeout is a drop whatever its RTT, so timeouts that are all alike do not look like a steady host.
// - The limit grows by what RTT says, never by an allowance added every time, so mild overload does not creep up.
// - The unloaded RTT is measured at half the limit, every PROBE_EVERY rounds, as BBR does (Cardwell et al. 2016). It rises
//   only when less load did not make answers quicker: then the host slowed by itself. It never drifts towards loaded RTTs.
// - A limit that is not used says nothing about the host, and does not grow.

import { checkWhole } from '#collector/amounts.ts'
import { EMPTY_ROUND, lookedAt, type Round, type Summary, summary, withAnswer } from '#collector/flow/rounds.ts'
import { BadInput } from '#model/errors.ts'

export type AdaptiveOptions = {
  /** The limit never falls below. A whole number from 1; default 1. */
  min?: number | undefined
  /** The limit never rises above. Default 100. */
  max?: number | undefined
  /** Where it begins. Default 4, or what of `min` and `max` is nearest. */
  initial?: number | undefined
}

export type Sample = {
  /** From sending to the end of the answer, in ms. Of a dropped one nothing is read from it. */
  rttMs: number
  /** How many were in flight when this one ended, itself among them. */
  inFlight: number
  /** `dropped`: a timeout, 429, 503, or a reset. Answers that cost the host no work should be no samples at all. */
  outcome: 'ok' | 'dropped'
}

/** While `trying`, the limit is lower than it was, to see whether RTT falls with it. */
type Phase = { state: 'steady' } | { state: 'trying'; cause: 'slow' | 'probe'; before: Summary & { window: number } }

export type Adaptive = {
  /** What to allow in flight: a whole number from `min` to `max`. */
  readonly limit: number
  readonly min: number
  readonly max: number
  /** The limit with its fraction. */
  readonly window: number
  /** The logarithm of the unloaded RTT in ms; null before the first round. */
  readonly unloaded: number | null
  /** How far logarithms of RTTs lie apart, as a variance over many rounds: one round is too short to tell. */
  readonly variance: number
  /** The window at which trouble was last met; Infinity before. */
  readonly ceiling: number
  /** Rounds without trouble before the limit goes there again. */
  readonly patience: number
  /** Answers still to come to requests that were sent under an earlier limit, and tell nothing about this one. */
  readonly stale: number
  /** Drops among them tell nothing either, because the limit has just been lowered. */
  readonly isEasing: boolean
  /** Nothing but drops since the last cut. */
  readonly isSilent: boolean
  /** Which part of the last answers was dropped, from 0 to 1. */
  readonly dropShare: number
  readonly roundsToProbe: number
  readonly round: Round
  readonly phase: Phase
}

/** A round of fewer answers tells too little, also when fewer are in flight. */
const SHORTEST_ROUND = 5
/** RTT above unloaded, as logarithms: up to `CALM`, or half a standard error, the limit may grow; beyond `SLOW` it falls. */
const CALM = Math.log(1.05)
const SLOW = Math.log(1.25)
/** And by more than this many standard errors, or unequal answers would look like a slow host now and then. */
const SURE = 4
/** Headroom over the knee where the limit is set by calculation: the host should never run idle. */
const HEADROOM = 1.1
const USED = 0.8
/** How much each answer counts in the share of drops. */
const SHARE_GAIN = 1 / 16
const CUT_IN_SILENCE = 0.5
const PROBE_SOON = 8
const PROBE_EVERY = 40
const PATIENCE = 3
const MOST_PATIENCE = 80

const STEADY: Phase = { state: 'steady' }

/** Throws BadInput unless `min` ≤ `initial` ≤ `max`, all of them whole numbers from 1. */
export function adaptive({ min = 1, max = 100, initial }: AdaptiveOptions = {}): Adaptive {
  checkWhole(min, 'concurrency.min')
  checkWhole(max, 'concurrency.max')
  if (min > max) throw new BadInput(`concurrency.min is ${min}; it must not be above concurrency.max, which is ${max}`)
  const begin = initial ?? Math.min(max, Math.max(min, 4))
  checkWhole(begin, 'concurrency.initial')
  if (begin < min || begin > max) {
    throw new BadInput(
      `concurrency.initial is ${begin}; allowed are ${min} to ${max} (concurrency.min, concurrency.max)`,
    )
  }
  return {
    limit: begin,
    min,
    max,
    window: begin,
    unloaded: null,
    variance: 0,
    ceiling: Number.POSITIVE_INFINITY,
    patience: PATIENCE,
    stale: 0,
    isEasing: false,
    isSilent: false,
    dropShare: 0,
    roundsToProbe: PROBE_SOON,
    round: EMPTY_ROUND,
    phase: STEADY,
  }
}

/** The state after one more request has ended. Costs the same however many came before. */
export function adapt(before: Adaptive, { rttMs, inFlight, outcome }: Sample): Adaptive {
  const dropShare = before.dropShare + ((outcome === 'dropped' ? 1 : 0) - before.dropShare) * SHARE_GAIN
  const state = { ...before, dropShare }
  const { stale, isEasing, isSilent } = state
  if (outcome === 'dropped' && !(isEasing && stale > 0)) return cut(state, inFlight)
  if (stale > 0) return { ...state, stale: stale - 1, isSilent: isSilent && outcome === 'dropped' }
  if (!Number.isFinite(rttMs) || rttMs < 0) return state
  const heard = { ...state, isSilent: false, round: withAnswer(state.round, rttMs, inFlight) }
  if (heard.round.fresh < Math.max(SHORTEST_ROUND, state.limit)) return heard
  return heard.phase.state === 'steady' ? decide(heard, inFlight) : judge(heard, heard.phase, inFlight)
}

/** At most once a round: what was in flight at a cut is stale. */
function cut(state: Adaptive, inFlight: number): Adaptive {
  const { window, isSilent, dropShare, ceiling } = state
  const target = window * (isSilent ? CUT_IN_SILENCE : 1 - dropShare / 2)
  // Refused again where it was refused before, and nowhere below: it takes twice as long before a third time.
  const isAgain = Math.floor(window) === Math.floor(ceiling)
  const patience = isAgain ? Math.min(MOST_PATIENCE, 2 * state.patience) : PATIENCE
  return {
    ...moved(state, Math.min(target, window - 1), inFlight),
    ceiling: ceilingOf(state),
    patience: isSilent ? state.patience : patience,
    isSilent: true,
    phase: STEADY,
  }
}

/** Where a fall begins is where trouble is, not the limits on the way down. */
function ceilingOf({ isEasing, ceiling, window }: Adaptive): number {
  return isEasing ? ceiling : window
}

function decide(before: Adaptive, inFlight: number): Adaptive {
  const { limit, min, window, round } = before
  const seen = summary(round)
  const state = measured(before, seen)
  const rise = seen.log - (state.unloaded ?? seen.log)
  const error = errorOf(state, seen)
  if (limit > min && rise > Math.max(SLOW, SURE * error)) {
    const target = Math.min(window - 1, Math.max(window * CUT_IN_SILENCE, seen.load * Math.exp(-rise) * HEADROOM))
    return { ...tried(state, 'slow', seen, target, inFlight), ceiling: ceilingOf(state), patience: PATIENCE }
  }
  if (limit > min && state.roundsToProbe <= 0) return tried(state, 'probe', seen, window / 2, inFlight)
  const step = stepOf(state)
  const isUsed = seen.load >= USED * limit
  const isCrossing = window < state.ceiling && window + step >= state.ceiling
  if (
    rise <= Math.max(CALM, error / 2) &&
    isUsed &&
    limit < state.max &&
    (!isCrossing || round.looks >= state.patience)
  ) {
    return moved(state, window + step, inFlight)
  }
  return { ...state, round: lookedAt(round) }
}

/** Halves the way to where trouble was; beyond that, doubles the distance from it. */
function stepOf({ window, ceiling }: Adaptive): number {
  return Math.max(1, Math.min(Math.abs(ceiling - window) / 2, window / 2))
}

/** What a round tells of the unloaded RTT. At `min` there is no lower load to compare with, so the RTT there is it. */
function measured(state: Adaptive, seen: Summary): Adaptive {
  const { unloaded, limit, min } = state
  const roundsToProbe = state.roundsToProbe - 1
  if (unloaded === null) return { ...state, roundsToProbe, unloaded: seen.log, variance: seen.variance }
  const next = { ...state, roundsToProbe, variance: state.variance + (seen.variance - state.variance) * 0.1 }
  if (isQuicker(next, seen)) return { ...next, unloaded: seen.log }
  return limit <= min && seen.log > unloaded ? { ...next, unloaded: (unloaded + seen.log) / 2 } : next
}

function isQuicker(state: Adaptive, seen: Summary): boolean {
  return state.unloaded === null || seen.log < state.unloaded - SURE * errorOf(state, seen)
}

function errorOf({ variance }: Adaptive, { weight }: Summary): number {
  return Math.sqrt(variance / weight)
}

function tried(state: Adaptive, cause: 'slow' | 'probe', seen: Summary, target: number, inFlight: number): Adaptive {
  const before = { ...seen, window: state.window }
  return { ...moved(state, target, inFlight), phase: { state: 'trying', cause, before } }
}

/** Less than this share of the load taken away makes no difference that could be told from noise. */
const LEAST_FALL = Math.log(1.1)

/** Whether RTT fell with the load: then it was queueing, and ours; else it is what the host takes now. */
function judge(state: Adaptive, { cause, before }: Phase & { state: 'trying' }, inFlight: number): Adaptive {
  const seen = summary(state.round)
  const known = state.unloaded ?? seen.log
  const lessLoad = Math.log(before.load / seen.load)
  const isOurs = lessLoad < LEAST_FALL || (before.log - seen.log) / lessLoad >= 0.5
  const isLower = isQuicker(state, seen)
  const unloaded = isOurs && seen.log > known ? known : cause === 'slow' || isLower ? seen.log : (known + seen.log) / 2
  // Half the load may still have been too much to see the unloaded RTT, or the host was still about to slow down.
  const isUnsure = cause === 'probe' ? isLower : unloaded > known
  const later = cause === 'probe' ? PROBE_EVERY : state.roundsToProbe
  const next = { ...state, unloaded, roundsToProbe: isUnsure ? PROBE_SOON : later, phase: STEADY }
  if (cause === 'slow') return { ...next, round: EMPTY_ROUND }
  const knee = before.load * Math.exp(unloaded - before.log) * HEADROOM
  return moved(next, Math.min(before.window, Math.max(state.window, knee)), inFlight)
}

/** With another window nothing seen so far counts any more, nor what is still in flight. */
function moved(state: Adaptive, target: number, inFlight: number): Adaptive {
  const window = Math.min(state.max, Math.max(state.min, target))
  const limit = Math.floor(window)
  return {
    ...state,
    window,
    limit,
    stale: Math.max(0, inFlight - 1),
    isEasing: target < state.window,
    round: EMPTY_ROUND,
  }
}
