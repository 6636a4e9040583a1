// Which run goes next when one comes due while another still runs. Pure: at most one runs at a time.

export const OVERLAPS = ['skip', 'queue', 'cancel'] as const
export type Overlap = (typeof OVERLAPS)[number]

export const MISSED = ['skip', 'catch_up'] as const
export type Missed = (typeof MISSED)[number]

export type Rules = {
  overlap: Overlap
  /** How many may wait in line when `overlap` is `queue`. */
  maxWaiting: number
  missed: Missed
  /** How many missed runs may wait to be caught up with; the newest do. */
  maxCatchUp: number
}

/** One due time. `caughtUp`: it was missed, and is run after all. */
export type Tick = { due: number; jitterMs: number; caughtUp: boolean }

/** Due times that did not run and that no run has told of yet: for overlap, and for want of anybody awake. */
type Untold = { skipped: number; missed: number }

export type Line = Untold & ({ state: 'idle' } | { state: 'busy'; current: Tick; waiting: readonly Tick[] })

export type Start = Untold & { tick: Tick }

/** What to do: start a run, or tell the running one to give up. */
export type Move = { line: Line; start: Start | null; cancel: boolean }

export const IDLE: Line = { state: 'idle', skipped: 0, missed: 0 }

/** A run has come due, and with it it shows that earlier ones were missed (due times, oldest first). */
export function comeDue(line: Line, newest: Tick, missed: readonly number[], rules: Rules): Move {
  const waiting = line.state === 'busy' ? line.waiting : []
  const room = rules.missed === 'catch_up' ? Math.max(0, rules.maxCatchUp - waiting.length) : 0
  const caughtUp = missed
    .slice(Math.max(0, missed.length - room))
    .map((due): Tick => ({ due, jitterMs: 0, caughtUp: true }))
  const untold = { skipped: line.skipped, missed: line.missed + missed.length - caughtUp.length }
  if (line.state === 'idle') return startFirst([...caughtUp, newest], untold)
  return join({ ...line, ...untold, waiting: [...waiting, ...caughtUp] }, newest, rules)
}

/** The running one has ended, well or not. */
export function end(line: Line): Move {
  const waiting = line.state === 'busy' ? line.waiting : []
  return startFirst(waiting, { skipped: line.skipped, missed: line.missed })
}

function startFirst([tick, ...waiting]: readonly Tick[], untold: Untold): Move {
  if (!tick) return { line: { state: 'idle', ...untold }, start: null, cancel: false }
  const line: Line = { state: 'busy', current: tick, waiting, skipped: 0, missed: 0 }
  return { line, start: { tick, ...untold }, cancel: false }
}

type Busy = Extract<Line, { state: 'busy' }>

function join(line: Busy, tick: Tick, { overlap, maxWaiting, maxCatchUp }: Rules): Move {
  const { current, waiting } = line
  // Whoever wants missed runs made up for does not want new ones skipped because of that.
  const isCatchingUp = current.caughtUp || waiting.some(({ caughtUp }) => caughtUp)
  if (overlap === 'cancel') {
    const skipped = line.skipped + waiting.length
    return { line: { ...line, waiting: [tick], skipped }, start: null, cancel: true }
  }
  const places = Math.max(overlap === 'queue' ? maxWaiting : 0, isCatchingUp ? maxCatchUp + 1 : 0)
  const joined: Line =
    waiting.length < places ? { ...line, waiting: [...waiting, tick] } : { ...line, skipped: line.skipped + 1 }
  return { line: joined, start: null, cancel: false }
}
