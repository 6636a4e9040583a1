// cyclewatch up

import type { Command } from 'commander'
import { loadConfig } from '#cli/config.ts'
import { type ExitCode, GOOD } from '#cli/exit.ts'
import { print, printJson } from '#cli/output.ts'
import { addresses, type Product, startProduct } from '#cli/product.ts'
import { type GlobalOptions, type Io, stopped } from '#cli/surroundings.ts'
import { tellOn } from '#cli/told.ts'
import { formatDuration } from '#model/durations.ts'

export function registerUp(program: Command, io: Io): void {
  program
    .command('up')
    .description('run everything: ClickHouse (embedded unless configured), ingest, analysis and the API')
    .action(io.action(() => run(io, program.opts<GlobalOptions>())))
}

async function run(io: Io, { config: file, json }: GlobalOptions): Promise<ExitCode> {
  const began = performance.now()
  const stop = io.stopSignal()
  const { config } = loadConfig({ cwd: io.cwd, env: io.env, file })
  const product = await startProduct(config, tellOn(io))
  const readyMs = performance.now() - began
  if (json) printJson(io, { ...addresses(product), readyMs })
  else print(io, greeting(product, config.clickhouse.url === undefined ? config.data : null, readyMs))
  await stopped(stop)
  await product.stop()
  return GOOD
}

function greeting({ ingestUrl, apiUrl, clickhouse }: Product, data: string | null, readyMs: number): string {
  return [
    `ClickHouse  ${clickhouse.url}${data === null ? '' : `  embedded, data in ${data}`}`,
    `ingest      ${ingestUrl}  OTLP over HTTP: POST /v1/traces, /v1/metrics, /v1/logs`,
    `API         ${apiUrl}  open it in a browser to see what it offers`,
    `ready in ${formatDuration(readyMs)}; Ctrl-C stops all of it`,
  ].join('\n')
}
