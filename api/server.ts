// A server for a hono app: it listens or says why not, gives up on slow senders, and stops without cutting off answers.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Unavailable } from '#model/errors.ts'
import { type Listen, listenUrl } from '#model/listen.ts'

/** `option` names the setting of `listen`, for the message when it cannot be had. */
export type ServerOptions = {
  listen: Listen
  option: string
  fetch: (request: Request) => Response | Promise<Response>
}

/** `url` has the port that was taken. `stop` waits for running requests, for two seconds at most. */
export type Running = { url: string; stop(): Promise<void> }

const HEADERS_MS = 10_000
const REQUEST_MS = 60_000
/** Longer than load balancers keep an idle connection, so that they close first. */
const IDLE_MS = 65_000
const STOP_MS = 2_000

/** Throws Unavailable when the address cannot be listened on. */
export async function startServer({ listen, option, fetch }: ServerOptions): Promise<Running> {
  const server = createServer(
    {
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: IDLE_MS,
      connectionsCheckingInterval: 5_000,
    },
    getRequestListener(fetch, { overrideGlobalObjects: false }),
  )
  await open(server, listen, option)
  const { port } = server.address() as AddressInfo
  return { url: listenUrl({ host: listen.host, port }), stop: () => stop(server) }
}

function open(server: Server, { host, port }: Listen, option: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE' ? 'is taken by another program' : `cannot be used (${cause.code})`
      reject(new Unavailable(`${host}:${port} ${taken}; choose another address with ${option}`, { cause }))
    })
    server.listen(port, host, resolve)
  })
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const impatience = setTimeout(() => server.closeAllConnections(), STOP_MS)
  await closed
  clearTimeout(impatience)
}
