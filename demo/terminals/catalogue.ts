// What the bank's monitoring knows of its fourteen terminals, and what of it is slow or goes wrong at first.

/** The kinds of state one can search by. A terminal is in one of them. */
export const STATUSES = ['online', 'offline', 'warning', 'degraded', 'hard-fault', 'cash-low', 'closed'] as const

export const TERMINALS: readonly string[] = Array.from(
  { length: 14 },
  (_, index) => `T-${String(index + 1).padStart(2, '0')}`,
)

const PARTS =
  'card-reader dispenser cassette-1 cassette-2 cassette-3 cassette-4 receipt-printer journal-printer keypad display ' +
  'camera depositor shutter safe-door power network clock anti-skimming'

export type Terminal = { id: string; status: string; cash: number; parts: Record<string, string> }

/** `visit` is the number of the log-in it is asked under: what a terminal holds differs from one to the next. */
export function terminalAt(id: string, visit: number): Terminal {
  const index = TERMINALS.indexOf(id)
  const parts = PARTS.split(' ').map((part, place) => [part, (index + place) % 11 === 0 ? 'worn' : 'good'])
  return {
    id,
    status: STATUSES[index % STATUSES.length] as string,
    cash: ((index * 3_700 + visit * 10_100) % 50_000) + 20,
    parts: Object.fromEntries(parts),
  }
}

/** The ids of the terminals in that state. */
export function terminalsWith(status: string): string[] {
  return TERMINALS.filter((_, index) => STATUSES[index % STATUSES.length] === status)
}

/** `hang`: no answer ever. `fail`: 502 from the gateway, after a while. */
export type Fault = 'hang' | 'fail'

/** How one question goes: what its first attempts meet, and how long an answer takes after that. */
export type Course = { faults: readonly Fault[]; tookMs: number }

/** By what is asked for: `login`, a status, or a terminal's id. */
export type Courses = ReadonlyMap<string, Course>

/** Seven that hang and eight that fail make the fifteen retries of the original. */
const LOGIN_FAULTS: readonly Fault[] = ['hang']
const SEARCH_FAULTS: readonly (readonly Fault[])[] = [['hang'], ['hang']]
const TERMINAL_FAULTS: readonly (readonly Fault[])[] = [
  ...Array.from({ length: 4 }, () => ['hang'] as const),
  ...Array.from({ length: 5 }, () => ['fail'] as const),
  ['fail', 'fail', 'fail'],
]

/** Draws who meets what. Answers take 3 to 5 s for a log-in and a search, 2 to 5 s for a terminal. */
export function drawCourses(random: () => number): Courses {
  const searches = drawn(STATUSES, SEARCH_FAULTS, [3_000, 5_000], random)
  const terminals = drawn(TERMINALS, TERMINAL_FAULTS, [2_000, 5_000], random)
  return new Map([['login', { faults: LOGIN_FAULTS, tookMs: 3_000 + 2_000 * random() }], ...searches, ...terminals])
}

/** Times lie evenly in their range, so that all of them together take about as long whatever is drawn. */
function drawn(
  names: readonly string[],
  faults: readonly (readonly Fault[])[],
  [leastMs, mostMs]: readonly [number, number],
  random: () => number,
): [string, Course][] {
  const places = shuffled([...names.keys()], random)
  return shuffled([...names], random).map((name, index) => {
    const share = ((places[index] as number) + random()) / names.length
    return [name, { faults: faults[index] ?? [], tookMs: leastMs + share * (mostMs - leastMs) }]
  })
}

/** Fisher and Yates. */
function shuffled<T>(items: T[], random: () => number): T[] {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = Math.min(last, Math.floor(random() * (last + 1)))
    const [kept, moved] = [items[last] as T, items[other] as T]
    items[last] = moved
    items[other] = kept
  }
  return items
}
