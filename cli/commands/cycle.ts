// cyclewatch cycle TRACE_ID

import type { Command } from 'commander'
import { waterfallAnswer } from '#api/schemas.ts'
import { ask } from '#cli/client.ts'
import { GOOD } from '#cli/exit.ts'
import { lookOf, print, printJson } from '#cli/output.ts'
import type { GlobalOptions, Io } from '#cli/surroundings.ts'
import { renderWaterfall } from '#cli/waterfall.ts'

export function registerCycle(program: Command, io: Io): void {
  program
    .command('cycle <trace-id>')
    .description('one cycle: its steps as a waterfall, and its totals')
    .action(io.action((traceId: string, _, self: Command) => run(io, traceId, self.optsWithGlobals<GlobalOptions>())))
}

async function run(io: Io, traceId: string, options: GlobalOptions): Promise<typeof GOOD> {
  const answer = await ask(io, options, waterfallAnswer, `/api/cycles/${encodeURIComponent(traceId)}`)
  if (options.json) printJson(io, answer)
  else print(io, renderWaterfall(answer, lookOf(io.stdout, io.env)))
  return GOOD
}
