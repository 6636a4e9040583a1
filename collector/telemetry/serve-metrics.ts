// A small server for a registry of prom-client: GET /metrics, for jobs that Prometheus is to scrape.

import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'
import { isRegistry } from '#collector/telemetry/settings.ts'
import { BadInput, messageOf, Unavailable } from '#model/errors.ts'

export type ServeMetricsOptions = {
  registry: Registry
  /** Host and port; anyone who reaches them can read the metrics. Default: 127.0.0.1:9464. */
  listen?: string | undefined
}

export type MetricsServer = {
  /** Where the metrics are, such as http://127.0.0.1:9464/metrics. */
  readonly url: string
  close(): Promise<void>
}

/** Does not keep the process alive. Rejects with BadInput for wrong options, Unavailable when it cannot listen there. */
export async function serveMetrics({
  registry,
  listen = '127.0.0.1:9464',
}: ServeMetricsOptions): Promise<MetricsServer> {
  if (!isRegistry(registry)) throw new BadInput('registry must be a Registry of prom-client')
  // Loaded when needed: what checks addresses also checks configuration, and brings a large library for that.
  const { listenUrl, parseListen } = await import('#model/listen.ts')
  const { host, port } = parseListen(listen)
  const server = createServer(({ method, url }, response) => {
    if (url?.split('?')[0] !== '/metrics') response.writeHead(404).end('the metrics are at /metrics\n')
    else if (method !== 'GET' && method !== 'HEAD') response.writeHead(405, { allow: 'GET, HEAD' }).end()
    else void answer(registry, response)
  })
  server.on('connection', (socket) => void socket.unref())
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new Unavailable(`metrics cannot be served at ${listen}: ${messageOf(error)}`, { cause: error })
  }
  server.unref()
  return {
    url: `${listenUrl({ host, port: (server.address() as AddressInfo).port })}/metrics`,
    async close() {
      if (!server.listening) return
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function answer(registry: Registry, response: ServerResponse): Promise<void> {
  try {
    const text = await registry.metrics()
    response.writeHead(200, { 'content-type': registry.contentType }).end(text)
  } catch (error) {
    response.writeHead(500).end(`${messageOf(error)}\n`)
  }
}
