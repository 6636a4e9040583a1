// What every trouble happens to.

import type { Ground } from '#test/soak/ground.ts'
import type { Tally } from '#test/soak/senders.ts'

/** `awayMs` is how long ClickHouse is away, `fullMs` how long something stays full; `flips` is a number of bytes. */
export type Effort = { awayMs: number; fullMs: number; flips: number }

/** `tally` holds what was sent in all troubles so far. */
export type Scene = { ground: Ground; seed: number; now: number; tally: Tally; effort: Effort }
