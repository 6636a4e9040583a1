// cyclewatch migrate

import type { Command } from 'commander'
import { type Config, configuredServer, loadConfig } from '#cli/config.ts'
import { type ExitCode, GOOD } from '#cli/exit.ts'
import { print, printJson } from '#cli/output.ts'
import type { GlobalOptions, Io } from '#cli/surroundings.ts'
import { isAlive } from '#storage/client.ts'
import { runningEngine, startEngine } from '#storage/engine/engine.ts'
import { migrate } from '#storage/migrate.ts'
import type { Server } from '#storage/server.ts'

export function registerMigrate(program: Command, io: Io): void {
  program
    .command('migrate')
    .description('bring the database schema up to date; `up` does this by itself')
    .action(io.action(() => run(io, program.opts<GlobalOptions>())))
}

async function run(io: Io, { config: file, json }: GlobalOptions): Promise<ExitCode> {
  const { config } = loadConfig({ cwd: io.cwd, env: io.env, file })
  await using clickhouse = await reachClickHouse(config)
  const applied = await migrate(clickhouse.server, config.clickhouse.database)
  if (json) printJson(io, { database: config.clickhouse.database, applied })
  else print(io, applied.length === 0 ? 'the schema is up to date' : `applied ${applied.join(', ')}`)
  return GOOD
}

/** The configured server, the engine that `up` runs, or one started for the moment. */
async function reachClickHouse(config: Config): Promise<{ server: Server } & AsyncDisposable> {
  const configured = configuredServer(config)
  if (configured) return { server: configured, ...NOTHING_TO_STOP }
  const { data, engine } = config
  const running = runningEngine(data)
  if (running && (await isAlive(running))) return { server: running, ...NOTHING_TO_STOP }
  const started = await startEngine({ data, httpPort: engine.httpPort })
  return { server: started, [Symbol.asyncDispose]: () => started.stop() }
}

const NOTHING_TO_STOP: AsyncDisposable = { [Symbol.asyncDispose]: () => Promise.resolve() }
