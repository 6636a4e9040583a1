// What a user asks of a stored history, timed: over HTTP and as commands.

import { DAYS, type History, NAMES, nameOf } from '#test/bench/history.ts'
import { type Times, timesOf } from '#test/bench/times.ts'
import { command, type Up } from '#test/bench/up.ts'

export type Asked = { product: Up; folder: string; history: History; cycles: number; signal: AbortSignal }
export type Often = { runs: number; warmUps: number; commands: number }

/** `ofOne` and `ofAll` are `stats` over all 30 days; the rest is what a page or a person asks beside it. */
export type Answers = Record<'ofOne' | 'ofAll' | 'commandOfOne' | 'commandOfAll' | 'rolling' | 'list' | 'cycle', Times>

const DAY_MS = 86_400_000

type StatsBody = { items: { windows: { count: number }[] }[] }

/** One after the other, each alone. Throws when an answer does not hold the cycles that were stored. */
export async function askAll({ product, folder, history, cycles, signal }: Asked, often: Often): Promise<Answers> {
  const { apiUrl } = product
  const name = nameOf(7)
  const window = `${DAYS}d`
  const get = <Body>(path: string, query: Record<string, string>, holds: (body: Body) => boolean) =>
    timesOf(often.runs, often.warmUps, async () => {
      const answer = await fetch(`${apiUrl}${path}?${new URLSearchParams(query)}`, { signal })
      const body = await answer.text()
      if (!answer.ok || !holds(JSON.parse(body)))
        throw new Error(`${path} answered ${answer.status} ${body.slice(0, 200)}`)
    })
  const cli = (expected: string, ...argv: string[]) =>
    timesOf(often.commands, 0, async () => {
      const out = await command(folder, ['stats', ...argv, '--window', window, '--url', apiUrl], signal)
      if (!out.includes(expected)) throw new Error(`./cyclewatch stats printed ${out.slice(0, 200)}`)
    })
  const counts = (expected: number) => (body: StatsBody) => nearly(total(body), expected)
  const to = Date.now()
  const range = { from: time(to - DAYS * DAY_MS), to: time(to) }
  return {
    ofOne: await get('/api/stats', { name, window }, counts(cycles / NAMES)),
    ofAll: await get('/api/stats', { window }, counts(cycles)),
    commandOfOne: await cli(name, name),
    commandOfAll: await cli(nameOf(NAMES - 1)),
    rolling: await get(
      '/api/stats',
      { name, ...range, window: '24h', step: '1h' },
      ({ items }: StatsBody) => items[0]?.windows.length === DAYS * 24,
    ),
    list: await get('/api/cycles', { name, window }, ({ items }: { items: unknown[] }) => items.length === 50),
    cycle: await get(`/api/cycles/${history.newest}`, {}, ({ spans }: { spans: unknown[] }) => spans.length > 1),
  }
}

function total({ items }: StatsBody): number {
  return items.flatMap(({ windows }) => windows).reduce((sum, { count }) => sum + count, 0)
}

function time(ms: number): string {
  return new Date(ms).toISOString()
}

/** The oldest cycles leave the range while they are being asked for. */
function nearly(count: number, expected: number): boolean {
  return count <= expected * 1.01 && count >= expected * 0.99
}
