// Everything that runs under `up`, wired together: ClickHouse, ingest and the API.

import { createApi } from '#api/app.ts'
import { startServer } from '#api/server.ts'
import { tracesRoute } from '#ingest/routes.ts'
import { storeOnce } from '#ingest/store.ts'
import { listenUrl } from '#model/listen.ts'
import { type Database, openDatabase } from '#storage/client.ts'
import { writeDefinitions } from '#storage/definitions.ts'
import { type EngineEvent, startEngine } from '#storage/engine/engine.ts'
import { migrate } from '#storage/migrate.ts'
import type { Server } from '#storage/server.ts'
import { type Config, configuredServer } from './config.ts'
import { ourPackage } from './version.ts'

/** What the parts say while they run. */
export type Told = { kind: 'bug'; error: unknown } | { kind: 'engine'; event: EngineEvent }

/** `db` is open until `stop`, which lets running requests finish and then ends everything, engine included. */
export type Product = { ingestUrl: string; apiUrl: string; clickhouse: Server; db: Database; stop(): Promise<void> }

/** Starts all parts, or none: throws Unavailable when one cannot start, after stopping those that had. */
export async function startProduct(config: Config, tell: (told: Told) => void): Promise<Product> {
  await using parts = new AsyncDisposableStack()
  const report = (error: unknown) => tell({ kind: 'bug', error })

  const clickhouse = await startClickHouse(config, tell, parts)
  await migrate(clickhouse, config.clickhouse.database)
  const db = openDatabase(clickhouse, config.clickhouse.database)
  parts.defer(() => db.close())
  await writeDefinitions(db, config.cycles, Date.now())

  const { version } = ourPackage()
  const api = createApi({ db, version, hosts: hostsOf(config.api), now: Date.now, report })
  const apiServer = await startServer({ listen: config.api.listen, option: 'api.listen', fetch: api.fetch })
  parts.defer(() => apiServer.stop())
  const traces = tracesRoute({ store: storeOnce(db), maxBodyBytes: config.ingest.maxBodyBytes, onError: report })
  const ingest = await startServer({ listen: config.ingest.listen, option: 'ingest.listen', fetch: traces.fetch })
  parts.defer(() => ingest.stop())

  const running = parts.move()
  return { ingestUrl: ingest.url, apiUrl: apiServer.url, clickhouse, db, stop: () => running.disposeAsync() }
}

/** The names under which the API may be asked: that of its own address, and the public one. */
function hostsOf({ listen, publicUrl }: Config['api']): string[] {
  return [listenUrl(listen), publicUrl ?? []].flat().map((url) => new URL(url).hostname)
}

/** Where a program finds what runs. */
export function addresses({ ingestUrl, apiUrl, clickhouse }: Product): Record<'ingest' | 'api' | 'clickhouse', string> {
  return { ingest: ingestUrl, api: apiUrl, clickhouse: clickhouse.url }
}

async function startClickHouse(
  config: Config,
  tell: (told: Told) => void,
  parts: AsyncDisposableStack,
): Promise<Server> {
  const configured = configuredServer(config)
  if (configured) return configured
  const { httpPort } = config.engine
  const engine = await startEngine({ data: config.data, httpPort, tell: (event) => tell({ kind: 'engine', event }) })
  parts.defer(() => engine.stop())
  return engine
}
