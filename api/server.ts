// A server for a hono app: it listens or says why not, gives up on slow senders, and stops without cutting off answers.

import { createServer as createHttpServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { Unavailable } from '#model/errors.ts'
import { type Listen, listenUrl } from '#model/listen.ts'
import { lingerAfter } from './linger.ts'

/** Certificate chain and private key, both as PEM. */
export type Certificate = { cert: string; key: string }

/** Milliseconds: for all headers, for the whole request, and for what is still sent after an early answer. */
export type Timeouts = { headers: number; request: number; linger: number }

/** `option` names the setting of `listen`, for the message when it cannot be had. */
export type StartOptions = {
  listen: Listen
  option: string
  fetch: (request: Request, env: HttpBindings) => Response | Promise<Response>
  /** Null: plain HTTP. */
  tls?: Certificate | null
  /** More connections at once than this are closed as they come; `onDrop` hears of each. */
  connections?: number
  onDrop?: () => void
  timeouts?: Timeouts
}

/** `url` has the port that was taken. `stop` waits for running requests, for two seconds at most. */
export type Running = { url: string; stop(): Promise<void> }

const TIMEOUTS: Timeouts = { headers: 10_000, request: 60_000, linger: 30_000 }
const LINGER_BYTES = 2 ** 27
/** Longer than load balancers keep an idle connection, so that they close first. */
const IDLE_MS = 65_000
const STOP_MS = 2_000
const CLEAR_MS = 1_000

/** Throws Unavailable when the address cannot be listened on. */
export async function startServer(options: StartOptions): Promise<Running> {
  const { listen, option, fetch, tls = null, timeouts = TIMEOUTS } = options
  const answer = getRequestListener(fetch as Parameters<typeof getRequestListener>[0], {
    overrideGlobalObjects: false,
    autoCleanupIncoming: false,
  })
  const server = create(tls, timeouts, (incoming, outgoing) => {
    lingerAfter(incoming, outgoing, { ms: timeouts.linger, bytes: LINGER_BYTES })
    void answer(incoming, outgoing)
  })
  limitConnections(server, options)
  await open(server, listen, option)
  const { port } = server.address() as AddressInfo
  return { url: listenUrl({ host: listen.host, port }, tls ? 'https' : 'http'), stop: () => stop(server) }
}

function create(tls: Certificate | null, { headers, request }: Timeouts, listener: RequestListener): Server {
  const options: ServerOptions = {
    headersTimeout: headers,
    requestTimeout: request,
    keepAliveTimeout: IDLE_MS,
    connectionsCheckingInterval: Math.min(5_000, headers / 2),
  }
  return tls
    ? createHttpsServer({ ...options, ...tls, handshakeTimeout: headers }, listener)
    : createHttpServer(options, listener)
}

/** When it is full, connections that only wait for their next request are closed to make room for the next to come. */
function limitConnections(server: Server, { connections, onDrop = () => {} }: StartOptions): void {
  if (connections === undefined) return
  server.maxConnections = connections
  let cleared = Number.NEGATIVE_INFINITY
  server.on('drop', () => {
    onDrop()
    // A flood of connections shall not have the others closed again and again.
    if (performance.now() - cleared < CLEAR_MS) return
    cleared = performance.now()
    server.closeIdleConnections()
  })
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
