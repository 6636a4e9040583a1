// Durations as people write and read them: `150ms`, `25s`, `1.5h`, `30d`. Inside, always milliseconds.

import { BadInput } from './errors.ts'

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** Milliseconds of a duration such as `25s`. Throws BadInput when it is not a number followed by a unit. */
export function parseDuration(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(text.trim()) ?? []
  if (!amount || !unit)
    throw new BadInput(`'${text}' is not a duration; write a number and ms, s, m, h, d or w, as in 25s`)
  return Number(amount) * (UNITS[unit] as number)
}

/** Three significant digits in the unit a person would choose: `0.42 ms`, `16.8 s`, `2 min 52 s`, `3 h 5 min`, `2 d 4 h`. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${significant(ms)} ms`
  if (ms < 99_950) return `${significant(ms / 1_000)} s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 3_600) return pair(seconds, 60, 'min', 's')
  const minutes = Math.round(seconds / 60)
  if (minutes < 1_440) return pair(minutes, 60, 'h', 'min')
  return pair(Math.round(minutes / 60), 24, 'd', 'h')
}

function significant(value: number): string {
  return value === 0 ? '0' : String(Number(value.toPrecision(3)))
}

function pair(amount: number, base: number, large: string, small: string): string {
  const rest = amount % base
  return `${Math.floor(amount / base)} ${large}${rest > 0 ? ` ${rest} ${small}` : ''}`
}
