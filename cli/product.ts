// Everything that runs under `up`, wired together: ClickHouse, ingest and the API.

import { collectDefaultMetrics, Registry } from 'prom-client'
import { createApi } from '#api/app.ts'
import { type Running, startServer } from '#api/server.ts'
import type { IngestEvent } from '#ingest/events.ts'
import { openGateway } from '#ingest/gateway.ts'
import { listenUrl } from '#model/listen.ts'
import { type Database, INSERT_PATIENCE_MS, openDatabase } from '#storage/client.ts'
import { writeDefinitions } from '#storage/definitions.ts'
import { type EngineEvent, startEngine } from '#storage/engine/engine.ts'
import { insertBodies } from '#storage/inserts.ts'
import { migrate } from '#storage/migrate.ts'
import type { Server } from '#storage/server.ts'
import { readCertificate } from './config/certificate.ts'
import { type Config, configuredServer, spoolFolder } from './config.ts'
import { ourPackage } from './version.ts'

/** What the parts say while they run. */
export type Told =
  | { kind: 'bug'; error: unknown }
  | { kind: 'engine'; event: EngineEvent }
  | { kind: 'ingest'; event: IngestEvent }

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

  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const { version } = ourPackage()
  const api = createApi({ db, version, hosts: hostsOf(config.api), registry, now: Date.now, report })
  const apiServer = await startServer({ listen: config.api.listen, option: 'api.listen', fetch: api.fetch })
  parts.defer(() => apiServer.stop())
  const ingest = await startIngest(config, { clickhouse, registry, tell, parts })

  const running = parts.move()
  return { ingestUrl: ingest.url, apiUrl: apiServer.url, clickhouse, db, stop: () => running.disposeAsync() }
}

type Around = { clickhouse: Server; registry: Registry; tell: (told: Told) => void; parts: AsyncDisposableStack }

async function startIngest(config: Config, { clickhouse, registry, tell, parts }: Around): Promise<Running> {
  const { listen, tls, connections, maxBodyBytes, bytesPerSecond, spoolBytes } = config.ingest
  // Connections of its own: whoever asks for statistics shall not hold it up.
  const db = openDatabase(clickhouse, config.clickhouse.database, INSERT_PATIENCE_MS)
  parts.defer(() => db.close())
  const gateway = await openGateway({
    folder: spoolFolder(config),
    limitBytes: spoolBytes,
    insert: (of, bodies) => insertBodies(db, of, bodies),
    tokens: config.tokens,
    maxBodyBytes,
    bytesPerSecond,
    registry,
    tell: (event) => tell({ kind: 'ingest', event }),
    onError: (error) => tell({ kind: 'bug', error }),
  })
  parts.defer(() => gateway.close())
  const { fetch, onDrop } = gateway
  const certificate = tls && readCertificate(tls)
  const server = await startServer({ listen, option: 'ingest.listen', fetch, tls: certificate, connections, onDrop })
  parts.defer(() => server.stop())
  return server
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
