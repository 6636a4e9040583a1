// Options of the commands that look at cycles. Their values are checked by the API, which knows what is allowed.

import type { Command } from 'commander'
import { harmless } from './harmless.ts'

export type RangeOptions = { from?: string; to?: string; window?: string; where?: string[] }

/** --window, --from, --to and --where, which mean the same everywhere. */
export function withRange(command: Command): Command {
  return command
    .option('--window <duration>', 'how far back, such as 90m, 24h or 30d (default: 24h)')
    .option('--from <time>', 'start, such as 2026-11-01 or 2026-11-01T08:00:00Z')
    .option('--to <time>', 'end, not included (default: now)')
    .option('--where <KEY=VALUE>', 'only cycles with this attribute; may be repeated', collect)
}

/** For an option that may be given several times. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}

/** What to say when nothing was found: where was looked, and what may help. */
export function nothingFound(
  { from, to, window, where = [] }: RangeOptions,
  sought: 'ended' | 'running' = 'ended',
): string {
  const range =
    from === undefined ? `in the ${window ?? '24h'} before ${to ?? 'now'}` : `between ${from} and ${to ?? 'now'}`
  const conditions = where.length > 0 ? ` with ${where.join(' and ')}` : ''
  // Who began more than seven days ago is not listed as running.
  const [what, further] = sought === 'ended' ? ['no such cycle ended', '30d'] : ['no cycle that still runs began', '7d']
  return harmless(`${what} ${range}${conditions}; --window ${further} looks further back`)
}
