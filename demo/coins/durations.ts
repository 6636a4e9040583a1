// How long a fetch cycle of the coin fetcher takes: 4,235 cycles in 72 hours, from 14.02 s to 172.20 s, mean 19.88 s.
//
// Only a handful of figures are published, so the quantile function is a chain of straight lines through them. With
// n cycles at the ranks i / (n - 1), which is how R type 7 counts, every published figure comes back:
// * minimum, median and maximum are knots;
// * p95 (34.2) and p99 (78.67) lie between two cycles, so each is the middle of a straight piece around it;
// * the bucket bounds 20, 30 and 60 s are crossed half a rank after the last cycle that belongs below them;
// * the other knots give the usual shape, a lump and a long tail, and the one at 0.75 was chosen so that the mean fits.

/** Cycles in the published history; 78 of them above 60 s. */
export const PUBLISHED_CYCLES = 4_235

const LAST = PUBLISHED_CYCLES - 1
const FAST = 3_233
const NORMAL = 704
const SLOW = 220

/** Share of cycles, and the seconds within which they are done. Ascending in both. */
const KNOTS: readonly (readonly [share: number, seconds: number])[] = [
  [0, 14.02],
  [0.02, 14.5],
  [0.1, 15],
  [0.3, 15.7],
  [0.5, 16.84],
  [0.65, 17.6],
  [0.75, 18.94],
  [(FAST - 0.5) / LAST, 20],
  [0.82, 21.4],
  [0.88, 23.5],
  [(FAST + NORMAL - 0.5) / LAST, 30],
  [0.94, 34.2 - 2.2],
  [0.96, 34.2 + 2.2],
  [0.97, 40.5],
  [(FAST + NORMAL + SLOW - 0.5) / LAST, 60],
  [0.985, 78.67 - 12],
  [0.995, 78.67 + 12],
  [0.998, 110],
  [1, 172.2],
]

/** Milliseconds within which the share `q` of all cycles is done. `q` is clamped to 0…1. */
export function coinDuration(q: number): number {
  const share = Math.min(1, Math.max(0, q))
  const above = Math.max(
    1,
    KNOTS.findIndex(([knot]) => knot >= share),
  )
  const [fromShare, fromSeconds] = KNOTS[above - 1] as (typeof KNOTS)[number]
  const [toShare, toSeconds] = KNOTS[above] as (typeof KNOTS)[number]
  const part = (share - fromShare) / (toShare - fromShare)
  return 1_000 * (fromSeconds + part * (toSeconds - fromSeconds))
}

/** The durations of `count` (at least 2) cycles in milliseconds, ascending; with the published count, the published figures. */
export function coinHistory(count: number = PUBLISHED_CYCLES): number[] {
  return Array.from({ length: count }, (_, index) => coinDuration(index / (count - 1)))
}

/** The duration of one more cycle in milliseconds. `random` gives numbers from 0 to 1. */
export function drawCoinDuration(random: () => number): number {
  return coinDuration(random())
}
