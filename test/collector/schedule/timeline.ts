// Plays a schedule and draws what ran, one sign a second of real time: a letter where a run starts (a: due one interval
// after the start, b: two, 0: at the start, z: one before it, ~: far away), - while it goes on; in its last second x when it was aborted, ! when it
// failed; . where nothing runs.

import type { ScheduleOptions } from '#collector/schedule/options.ts'
import { type Schedule, schedule } from '#collector/schedule/schedule.ts'
import { type Clock, fakeClock, settled } from '#test/collector/schedule/clock.ts'

export const START = Date.parse('2026-03-01T00:00:00Z')
export const EVERY = 3_000

export type Play = {
  options?: Omit<ScheduleOptions, 'every'>
  /** How many seconds each run takes; the last one counts for all further ones. Below zero: it fails then. */
  lasts?: number[]
  /** What happens in the second of this number, in its middle. */
  at?: Record<number, (clock: Clock, handle: Schedule) => unknown>
  /** The runs do not pass their signal on. */
  isDeaf?: boolean
  seconds?: number
}

type Ran = { letter: string; from: number; to: number; last: '-' | 'x' | '!' }

export async function play({ options, lasts = [1], at = {}, isDeaf = false, seconds = 15 }: Play): Promise<string> {
  const clock = fakeClock(START)
  const runs: Ran[] = []
  const handle = schedule(
    'coins',
    { every: EVERY, ...options },
    async ({ signal }, { due }) => {
      const ran: Ran = { letter: letterOf(due), from: clock.passed(), to: Number.POSITIVE_INFINITY, last: '-' }
      const length = lasts[Math.min(runs.length, lasts.length - 1)] as number
      runs.push(ran)
      try {
        // Just less: what ends in the moment the next one comes due is in its way.
        await clock.sleep(Math.abs(length) * 1_000 - 1, isDeaf ? undefined : signal)
        if (length < 0) throw new Error('broken')
      } catch (error) {
        ran.last = signal.aborted ? 'x' : '!'
        throw error
      } finally {
        ran.to = clock.passed()
      }
    },
    clock,
  )
  await settled()
  while (clock.passed() < seconds * 1_000) {
    await clock.pass(500)
    at[Math.floor(clock.passed() / 1_000)]?.(clock, handle)
    await settled()
    await clock.pass(1_000 - (clock.passed() % 1_000) - 0.001)
    await clock.pass(1_000 - (clock.passed() % 1_000))
  }
  return draw(runs, seconds)
}

function letterOf(due: Date): string {
  const number = Math.round((due.getTime() - START) / EVERY)
  if (Math.abs(number) > 26) return '~'
  return number === 0 ? '0' : String.fromCharCode(number > 0 ? 96 + number : 123 + number)
}

function draw(runs: Ran[], seconds: number): string {
  const signs = Array<string>(seconds).fill('.')
  for (const { letter, from, to, last } of runs) {
    const first = Math.floor((from + 10) / 1_000)
    if (first >= seconds) continue
    const end = Math.min(Math.ceil(to / 1_000), seconds)
    for (let second = first; second < end; second += 1) signs[second] = '-'
    if (to <= seconds * 1_000 && last !== '-') signs[end - 1] = last
    signs[first] = end - 1 === first && last !== '-' ? last : letter
  }
  return signs.join('')
}
