// The program of the demo's second process: the sample upstream and the sample job, as far from Cyclewatch as a real job is.
// It is told what to do in one message, and stops when told to or when the process that started it is gone. When it
// cannot go on it says why in a message of its own.

import { startTelemetry } from '#collector/collector.ts'
import { COIN_SERVICE } from '#demo/coins/definition.ts'
import { runCoinJob } from '#demo/coins/job.ts'
import { seededRandom } from '#demo/coins/random.ts'
import { startCoinUpstream } from '#demo/coins/upstream.ts'
import { messageOf } from '#model/errors.ts'

/**
 * `endpoint` takes the telemetry, with `headers`; `database` is the job's own SQLite file, `scale` says how much faster
 * time runs. A message is no argument and no variable: nobody else on the machine reads the token in it.
 */
export type SampleOrder = {
  endpoint: string
  headers: Record<string, string>
  database: string
  scale: number
  pauseMs: number
}

const stop = new AbortController()
process.on('disconnect', () => stop.abort())
// Ctrl-C in the terminal reaches this process too, but the other one decides when it ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.on('uncaughtException', giveUp)
process.once('message', (order: SampleOrder) => run(order).catch(giveUp))

async function run({ endpoint, headers, database, scale, pauseMs }: SampleOrder): Promise<void> {
  const telemetry = startTelemetry({ service: COIN_SERVICE, version: '1.0.0', environment: 'demo', endpoint, headers })
  const upstream = await startCoinUpstream({ random: seededRandom(Date.now()), scale })
  await runCoinJob({ upstream: upstream.url, database, pauseMs, signal: stop.signal })
  await upstream.close()
  await telemetry.shutdown()
}

function giveUp(error: unknown): void {
  process.send?.(messageOf(error), () => process.exit(1))
}
