// The sample API on loopback: GET /status, /coins, /exchanges and /markets, as slow as the published history, only faster
// by one constant factor. A client is its `x-api-key` header, as coin APIs have it, or its address when it sends none.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CALLS, type Call, drawCalls, timeCalls } from '#demo/coins/calls.ts'
import { coinsAt, exchangesAt, marketsAt, statusAt } from '#demo/coins/catalogue.ts'
import { BadInput, Unavailable } from '#model/errors.ts'

/** Upper limit of `scale`: above it our own milliseconds would outweigh what is simulated. */
const MAX_SCALE = 100

/** More would exceed the fastest cycle at the largest scale. */
const MAX_JOB_MS = 100

export type CoinUpstreamOptions = {
  /** 0, the default, takes any free port. */
  port?: number
  host?: string
  /** How many times faster than the original: 1 to 100, the default. */
  scale?: number
  /** Numbers from 0 to 1; two decide a cycle. */
  random: () => number
  /** Real milliseconds of a cycle in which the job is busy itself (above all the database write); never scaled. 0 to 100. */
  jobMs?: number
  /** Epoch milliseconds; the prices depend on it. */
  now?: () => number
}

export type CoinUpstream = {
  /** Without a slash at the end. */
  url: string
  /** Stops at once: pending answers break off. */
  close(): Promise<void>
}

const BODIES: Record<Call, (at: number) => unknown> = {
  status: statusAt,
  coins: coinsAt,
  exchanges: exchangesAt,
  markets: marketsAt,
}

/** Measured with the sample job: what a cycle takes beyond its four delays, 5 to 7. */
const USUAL_JOB_MS = 6

/** Resolves once it listens. Throws BadInput on a bad option, Unavailable when the address cannot be listened on. */
export async function startCoinUpstream(options: CoinUpstreamOptions): Promise<CoinUpstream> {
  const { port = 0, host = '127.0.0.1', scale = MAX_SCALE, jobMs = USUAL_JOB_MS, now = Date.now, random } = options
  check('scale', scale, scale >= 1 && scale <= MAX_SCALE, `a number from 1 to ${MAX_SCALE}`)
  check('jobMs', jobMs, jobMs >= 0 && jobMs <= MAX_JOB_MS, `a number from 0 to ${MAX_JOB_MS}`)
  check('port', port, Number.isInteger(port) && port >= 0 && port <= 65_535, 'a whole number from 0 to 65535')
  const dueAt = timeCalls(() => drawCalls(random, scale, jobMs))

  const server = createServer((request, response) => {
    const call = route(request, response)
    if (!call) return
    const at = performance.now()
    const due = dueAt(clientOf(request), call, at)
    const timer = setTimeout(() => send(response, 200, BODIES[call](now())), due - at)
    response.once('close', () => clearTimeout(timer))
  })
  await listen(server, port, host)

  let closed: Promise<void> | null = null
  return {
    url: urlOf(server.address() as AddressInfo),
    close() {
      closed ??= stop(server)
      return closed
    },
  }
}

/** The call that was asked for; null when there is none and the client has been told. */
function route(request: IncomingMessage, response: ServerResponse): Call | null {
  const [path] = (request.url ?? '').split('?')
  const call = CALLS.find((known) => path === `/${known}`)
  if (!call) send(response, 404, { error: `there is no ${path}; there are /${CALLS.join(', /')}` })
  else if (request.method !== 'GET') send(response, 405, { error: 'only GET is allowed' }, { allow: 'GET' })
  else return call
  return null
}

function clientOf(request: IncomingMessage): string {
  return String(request.headers['x-api-key'] ?? request.socket.remoteAddress)
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  })
  response.end(text)
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `the sample API cannot listen on ${host}:${port} (${cause.message}); choose another port or host`
      reject(new Unavailable(message, { cause }))
    })
    server.listen(port, host, resolve)
  })
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

function urlOf({ family, address, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

function check(path: string, value: number, good: boolean, allowed: string): void {
  if (good) return
  const message = `must be ${allowed}`
  throw new BadInput(`${path} ${value}: ${message}`, { problems: [{ path, message }] })
}
