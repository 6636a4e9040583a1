// cyclewatch stats [NAME]

import type { Command } from 'commander'
import { type StatsAnswer, statsAnswer } from '#api/schemas.ts'
import { ask } from '#cli/client.ts'
import { CANNOT_TELL, type ExitCode, GOOD } from '#cli/exit.ts'
import { type Column, lookOf, moment, print, printJson, share, table } from '#cli/output.ts'
import { nothingFound, type RangeOptions, withRange } from '#cli/query-options.ts'
import type { GlobalOptions, Io } from '#cli/surroundings.ts'
import { BUCKETS } from '#model/buckets.ts'
import { formatDuration } from '#model/durations.ts'

type Options = GlobalOptions & RangeOptions & { step?: string; by?: string }
type WindowAnswer = StatsAnswer['items'][number]['windows'][number]
type Filled = Exclude<WindowAnswer, { count: 0 }>
type Row = { cycle: string; group: string | null; window: WindowAnswer; figures: Filled | null }

export function registerStats(program: Command, io: Io): void {
  const command = program
    .command('stats [name]')
    .description('p50, p95 and p99 of durations, buckets and outcomes; of every cycle when no name is given')
  withRange(command)
    .option('--step <duration>', 'a rolling series: one window per step, each --window long')
    .option('--by <KEY>', 'split by an attribute: version, service, environment, host, revision, or any other')
    .action(io.action((name: string | undefined, _, self: Command) => run(io, name, self.optsWithGlobals<Options>())))
}

async function run(io: Io, name: string | undefined, options: Options): Promise<ExitCode> {
  const { from, to, window, step, by, where } = options
  const answer = await ask(io, options, statsAnswer, '/api/stats', { name, from, to, window, step, by, where })
  const filled = answer.items.some(({ windows }) => windows.some(({ count }) => count > 0))
  if (options.json) printJson(io, answer)
  else print(io, filled ? render(io, answer, options) : nothingFound(options))
  return filled ? GOOD : CANNOT_TELL
}

function render(io: Io, answer: StatsAnswer, { step, by }: Options): string {
  const rows = answer.items.flatMap(({ cycle, group, windows }) =>
    windows.map((window): Row => ({ cycle, group, window, figures: window.count === 0 ? null : (window as Filled) })),
  )
  return table(rows, columns(step !== undefined, by), lookOf(io.stdout, io.env))
}

/** On a narrow terminal the bad news stays longest. */
const DROPPED_BUCKETS = [{ drop: 3 }, { drop: 2 }, { drop: 5 }, {}]

function columns(rolling: boolean, by: string | undefined): Column<Row>[] {
  const duration = (title: string, pick: (figures: Filled) => number, drop = {}): Column<Row> => ({
    title,
    ...drop,
    cell: ({ figures }) => (figures ? formatDuration(pick(figures)) : null),
    right: true,
  })
  const portion = (title: string, pick: (figures: Filled) => number, drop = {}): Column<Row> => ({
    title,
    ...drop,
    cell: ({ figures }) => (figures ? share(pick(figures)) : null),
    right: true,
  })
  return [
    { title: 'cycle', cell: ({ cycle }) => cycle, cut: true },
    ...(by === undefined ? [] : [{ title: by, cell: ({ group }: Row) => group || '(none)', cut: true }]),
    ...(rolling ? [{ title: 'window until', cell: ({ window }: Row) => moment(window.to) }] : []),
    { title: 'cycles', cell: ({ window }) => window.count },
    duration('p50', ({ p50Ms }) => p50Ms),
    duration('p95', ({ p95Ms }) => p95Ms),
    duration('p99', ({ p99Ms }) => p99Ms),
    duration('mean', ({ meanMs }) => meanMs, { drop: 1 }),
    duration('max', ({ maxMs }) => maxMs, { drop: 4 }),
    ...BUCKETS.map((bucket, place) =>
      portion(bucket.replace('_', ' '), ({ buckets }) => buckets[bucket].share, DROPPED_BUCKETS[place]),
    ),
    portion('ok', ({ outcomes }) => outcomes.ok.share, { drop: 6 }),
  ]
}
