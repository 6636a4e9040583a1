// cyclewatch cycle TRACE_ID

import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { logsAnswer, metricsAnswer, waterfallAnswer } from '#api/schemas.ts'
import { renderLogs, renderMetrics } from '#cli/beside.ts'
import { ask } from '#cli/client.ts'
import { GOOD } from '#cli/exit.ts'
import { lookOf, print, printJson } from '#cli/output.ts'
import type { GlobalOptions, Io } from '#cli/surroundings.ts'
import { renderWaterfall } from '#cli/waterfall.ts'
import { BadInput } from '#model/errors.ts'

type Options = GlobalOptions & { logs?: boolean; metrics?: boolean }

export function registerCycle(program: Command, io: Io): void {
  program
    .command('cycle <trace-id>')
    .description('one cycle: its steps as a waterfall, and its totals')
    .option('--logs', 'also its log records: of its trace, or of its service, host and time')
    .option('--metrics', 'also what its service measured in its time')
    .action(io.action((traceId: string, _, self: Command) => run(io, traceId, self.optsWithGlobals<Options>())))
}

async function run(io: Io, traceId: string, options: Options): Promise<typeof GOOD> {
  const path = `/api/cycles/${encodeURIComponent(traceId)}`
  const answer = await askPatiently(() => ask(io, options, waterfallAnswer, path))
  const logs = options.logs ? await ask(io, options, logsAnswer, `${path}/logs`) : null
  const metrics = options.metrics ? await ask(io, options, metricsAnswer, `${path}/metrics`) : null
  if (options.json) {
    printJson(io, { ...answer, ...(logs && { logs }), ...(metrics && { metrics }) })
    return GOOD
  }
  const look = lookOf(io.stdout, io.env)
  const parts = [renderWaterfall(answer, look), logs && renderLogs(logs, look), metrics && renderMetrics(metrics, look)]
  print(io, parts.filter((part) => part !== null).join('\n\n'))
  return GOOD
}

/** Spans and log records that have just been sent can be read about a second later. */
const PATIENCE_MS = 1_500
const AGAIN_MS = 250

async function askPatiently<Answer>(askOnce: () => Promise<Answer>): Promise<Answer> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      return await askOnce()
    } catch (error) {
      const missing = error instanceof BadInput && error.code === 'not_found'
      if (!missing || performance.now() > deadline) throw error
      await delay(AGAIN_MS)
    }
  }
}
