// Ingest as a whole: the spool, the routes that fill it, and the meters of both.

import type { HttpBindings } from '@hono/node-server'
import type { Registry } from 'prom-client'
import { keysOf, type Token } from './access.ts'
import { memoryBudget, memoryFor } from './body/memory.ts'
import type { Tell } from './events.ts'
import { meterConnections, meterIngest, meterMemory, meterSpool } from './meters.ts'
import { rateLimit } from './rate.ts'
import { ingestRoutes } from './routes.ts'
import { openSpool, type SpoolOptions } from './spool/spool.ts'

/** `tokens`: without any, everyone who can connect may send. `onError` hears of bugs. */
export type GatewayOptions = Omit<SpoolOptions, 'tell'> & {
  tokens: readonly Token[]
  maxBodyBytes: number
  bytesPerSecond: number | null
  registry: Registry
  tell: Tell
  onError: (error: unknown) => void
}

/** To be closed after the server that calls `fetch`. */
export type Gateway = {
  fetch(request: Request, env: HttpBindings): Response | Promise<Response>
  /** To be called for each connection that was closed because there are too many. */
  onDrop(): void
  close(): Promise<void>
}

/** Throws Unavailable when the spool cannot be used. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const { registry, maxBodyBytes, onError } = options
  const meter = meterIngest(registry)
  const tell: Tell = (event) => {
    meter(event)
    options.tell(event)
  }
  const spool = await openSpool({ ...options, tell })
  meterSpool(registry, spool.state, options.now ?? Date.now)
  const memory = memoryBudget(memoryFor(maxBodyBytes))
  meterMemory(registry, memory.heldBytes)
  const routes = ingestRoutes({
    spool,
    keys: keysOf(options.tokens),
    rate: rateLimit(options.bytesPerSecond),
    memory,
    maxBodyBytes,
    tell,
    onError,
  })
  return { fetch: routes.fetch, onDrop: meterConnections(registry), close: spool.close }
}
