// How long each collector takes for each place, and which of them fail there. Drawn once and before anything is asked, so
// that whoever asks, however often and in whatever order, meets the same.

import { COLLECTORS, type Collector, PLACES, type Place } from '#demo/locations/places.ts'

/** Seconds. Of a place's ten collectors one takes about 8 s, one about 21 s, and the others lie between. */
const QUICKEST_S = 8
const SPREAD_S = 13
const SKEW = 1.5

/** Seconds that one collector of each place in the centre takes in place of that: more than the team once waited for. */
const SLOW_FROM_S = 40
const SLOW_TO_S = 180

/** Refuses the first request for a place in the centre. */
const HESITANT: Collector = 'safety'
const HESITATES_AT: readonly Place[] = PLACES.filter(({ isCentre }) => isCentre).slice(0, 4)
const REFUSAL_S = 1

/** Never has anything of one place, which is asked for three times. */
const BROKEN: Collector = 'zoning'
const BROKEN_AT = PLACES.findLast(({ isCentre }) => isCentre) as Place
const BREAKDOWN_S = 8

export type Reply = { status: 200 | 500 | 503; seconds: number }
/** `earlier` is how often this was asked before. */
export type Replies = (collector: Collector, place: Place, earlier: number) => Reply

/** Whether there is anything to be had, however long one waits and however often one asks. */
export function isBroken(collector: Collector, place: Place): boolean {
  return collector === BROKEN && place === BROKEN_AT
}

/** `random` gives numbers from 0 to 1 without 1. */
export function drawReplies(random: () => number): Replies {
  const centre = PLACES.filter(({ isCentre }) => isCentre)
  const slow = shuffled(centre.length, random).map((rank) => {
    return SLOW_FROM_S + ((SLOW_TO_S - SLOW_FROM_S) * (rank + random())) / centre.length
  })
  const seconds = new Map(PLACES.map((place) => [place, drawPlace(random, slow[centre.indexOf(place)])]))
  return (collector, place, earlier) => {
    if (isBroken(collector, place)) return { status: 500, seconds: BREAKDOWN_S }
    if (collector === HESITANT && earlier === 0 && HESITATES_AT.includes(place)) {
      return { status: 503, seconds: REFUSAL_S }
    }
    return { status: 200, seconds: seconds.get(place)?.[COLLECTORS.indexOf(collector)] as number }
  }
}

/** One draw from each tenth of the distribution, so that every place takes about as long in all. */
function drawPlace(random: () => number, slow: number | undefined): number[] {
  const ranks = shuffled(COLLECTORS.length, random)
  const last = ranks.indexOf(COLLECTORS.length - 1)
  // Who fails is not the slow one too.
  const [first = 0] = ranks
  if (COLLECTORS[last] === HESITANT || COLLECTORS[last] === BROKEN) {
    ranks[0] = ranks[last] as number
    ranks[last] = first
  }
  return ranks.map((rank) => {
    const usual = QUICKEST_S + SPREAD_S * ((rank + random()) / ranks.length) ** SKEW
    return rank === ranks.length - 1 ? (slow ?? usual) : usual
  })
}

/** The numbers from 0 to `count` without it, in an order of chance (Fisher and Yates). */
function shuffled(count: number, random: () => number): number[] {
  const numbers = Array.from({ length: count }, (_, index) => index)
  for (let index = count - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1))
    const moved = numbers[index] as number
    numbers[index] = numbers[other] as number
    numbers[other] = moved
  }
  return numbers
}
