// cyclewatch cycles [NAME]

import type { Command } from 'commander'
import { type CycleAnswer, historyAnswer } from '#api/schemas.ts'
import { ask } from '#cli/client.ts'
import { GOOD } from '#cli/exit.ts'
import { type Column, lookOf, moment, print, printJson, table } from '#cli/output.ts'
import { collect, nothingFound, type RangeOptions, withRange } from '#cli/query-options.ts'
import type { GlobalOptions, Io } from '#cli/surroundings.ts'
import { CYCLE } from '#model/attributes.ts'
import { BUCKETS } from '#model/buckets.ts'
import { STATES } from '#model/cycles.ts'
import { formatDuration } from '#model/durations.ts'
import { SORTS } from '#storage/cycles.ts'

type Options = GlobalOptions &
  RangeOptions & {
    bucket?: string[]
    outcome?: string[]
    version?: string
    slowerThan?: string
    sort?: string
    limit?: string
    cursor?: string
  }

export function registerCycles(program: Command, io: Io): void {
  const command = program.command('cycles [name]').description('the history of cycles; those that still run come first')
  withRange(command)
    .option('--bucket <BUCKET>', `only this bucket (${BUCKETS.join(', ')}); may be repeated`, collect)
    .option('--outcome <OUTCOME>', `only this outcome (${STATES.join(', ')}); may be repeated`, collect)
    .option('--version <VERSION>', 'only this service.version')
    .option('--slower-than <duration>', 'only cycles that took or have run longer, such as 30s')
    .option('--sort <ORDER>', `${SORTS.join(', ')} first (default: newest)`)
    .option('--limit <N>', 'how many (default: 50)')
    .option('--cursor <CURSOR>', 'continue behind the page that named it')
    .action(io.action((name: string | undefined, _, self: Command) => run(io, name, self.optsWithGlobals<Options>())))
}

async function run(io: Io, name: string | undefined, options: Options): Promise<typeof GOOD> {
  const { from, to, window, where = [], version, bucket, outcome, slowerThan, sort, limit, cursor } = options
  const conditions = version === undefined ? where : [...where, `version=${version}`]
  const answer = await ask(io, options, historyAnswer, '/api/cycles', {
    ...{ name, from, to, window, bucket, outcome, slowerThan, sort, limit, cursor },
    where: conditions,
  })
  if (options.json) {
    printJson(io, answer)
  } else if (answer.items.length === 0) {
    const running = outcome?.every((state) => state === 'running')
    print(io, nothingFound({ ...options, where: conditions }, running ? 'running' : 'ended'))
  } else {
    print(io, table(answer.items, COLUMNS, lookOf(io.stdout, io.env)))
    if (answer.cursor) io.stderr.write(`more with --cursor ${answer.cursor}\n`)
  }
  return GOOD
}

const COLUMNS: Column<CycleAnswer>[] = [
  { title: 'ended', cell: ({ endedAt }) => (endedAt === null ? 'running' : moment(endedAt)) },
  { title: 'cycle', cell: ({ cycle }) => cycle, cut: true },
  { title: 'duration', cell: ({ durationMs }) => formatDuration(durationMs), right: true },
  { title: 'bucket', cell: ({ bucket }) => bucket?.replace('_', ' ') ?? null, drop: 5 },
  { title: 'outcome', cell: ({ outcome }) => outcome, drop: 4 },
  { title: 'version', cell: ({ version }) => version, drop: 3 },
  { title: 'items', cell: ({ attributes }) => attributes[CYCLE.items] ?? null, right: true, drop: 1 },
  { title: 'calls', cell: ({ attributes }) => attributes[CYCLE.calls] ?? null, right: true, drop: 2 },
  { title: 'trace', cell: ({ traceId }) => traceId },
]
