// An upstream that misbehaves as it is told to: real sockets on loopback, every fault at an address of its own.

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { CERTIFICATE, KEY } from '#test/certificate.ts'
import { EXPIRED, SELF_SIGNED } from '#test/collector/faults/certificates.ts'
import { type Reading, readRequests } from '#test/collector/faults/requests.ts'
import { type Call, type Fault, faultOf } from '#test/collector/faults/words.ts'

/** What arrived at one address. `times` are those of the requests, of `performance.now()`; `bytes` with their heads. */
export type Seen = { requests: number; connections: number; bytes: number; times: number[] }

export type Plan = { url: string; seen: Seen }

export type Upstream = AsyncDisposable & {
  /**
   * An address at which the n-th request meets the n-th fault of the timeline, the last one over and over, as in
   * `'reset, 503 after 2, ok'`. The words are those of words.ts; throws for any other.
   */
  plan(timeline: string): Plan
  /** Addresses whose fault lies below HTTP. */
  readonly hosts: {
    /** Nothing listens there, and nothing will. */
    refused: string
    /** Accepts connections and reads nothing from them. */
    deaf: string
    /** Resets connections as it accepts them. */
    slammed: string
    /** Reads and says nothing, so that a TLS handshake never ends. */
    muteTls: string
    /** Speaks plain HTTP where TLS is expected. */
    notTls: string
    /** Its certificate is its own and in nobody's list. */
    selfSigned: string
    /** Needs `EXPIRED.cert` among the trusted certificates. */
    expired: string
    /** A certificate for another name. Needs `CERTIFICATE` among the trusted ones. */
    wrongHost: string
    /** A name that does not exist. */
    unknown: string
  }
  /** Connections that are open now, by the upstream's own view; those to `deaf` it cannot tell. */
  openSockets(): number
  /** Connections accepted so far. */
  acceptedSockets(): number
}

export type UpstreamOptions = {
  /** Between two bytes of a slow loris. */
  dripMs?: number
  /** Epoch milliseconds, for the dates it sends; a wrong clock is a fault too. */
  now?: () => number
}

const MOST_DEAF = 256

type State = {
  plans: Map<string, { faults: Fault[]; seen: Seen }>
  open: Set<Socket>
  deaf: Set<Socket>
  accepted: number
  dripMs: number
  now: () => number
  refusedUrl: string
}

export async function startUpstream({ dripMs = 10, now = Date.now }: UpstreamOptions = {}): Promise<Upstream> {
  const state: State = { plans: new Map(), open: new Set(), deaf: new Set(), accepted: 0, dripMs, now, refusedUrl: '' }
  const doorstop = await startDoorstop()
  state.refusedUrl = `http://127.0.0.1:${doorstop.port}/`
  const servers: Server[] = []
  const listen = async (scheme: string, server: Server, heed = track) => {
    servers.push(server)
    server.prependListener('connection', (socket: Socket) => heed(state, socket))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/`
  }
  const serving = (socket: Socket) => attend(state, socket)
  const secure = (key: string, cert: string) => listen('https', createTlsServer({ key, cert }, serving))
  const plain = await listen('http', createServer(serving))
  const hosts: Upstream['hosts'] = {
    refused: state.refusedUrl,
    deaf: await listen('http', createServer({ pauseOnConnect: true }), keepDeaf),
    muteTls: await listen(
      'https',
      createServer((socket) => void socket.resume()),
    ),
    slammed: await listen(
      'http',
      createServer((socket) => void socket.resetAndDestroy()),
    ),
    notTls: await listen(
      'https',
      createServer((socket) => void socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    ),
    selfSigned: await secure(SELF_SIGNED.key, SELF_SIGNED.cert),
    expired: await secure(EXPIRED.key, EXPIRED.cert),
    wrongHost: await secure(KEY, CERTIFICATE),
    unknown: 'http://nowhere.invalid/',
  }
  return {
    hosts,
    plan: (timeline) => addPlan(state, plain, timeline),
    openSockets: () => state.open.size,
    acceptedSockets: () => state.accepted,
    async [Symbol.asyncDispose]() {
      doorstop.close()
      for (const socket of [...state.open, ...state.deaf]) socket.destroy()
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
    },
  }
}

function addPlan({ plans }: State, origin: string, timeline: string): Plan {
  const path = `${plans.size + 1}`
  const seen: Seen = { requests: 0, connections: 0, bytes: 0, times: [] }
  const faults = timeline.split(',').map((word) => faultOf(word.trim()))
  plans.set(path, { faults, seen })
  return { url: `${origin}${path}`, seen }
}

function track(state: State, socket: Socket): void {
  state.accepted += 1
  state.open.add(socket)
  // What a client does to its connection is the client's business.
  socket.on('error', () => {}).on('close', () => state.open.delete(socket))
}

/** Who does not read does not hear of the end either: these are let go when they get too many. */
function keepDeaf({ deaf }: State, socket: Socket): void {
  deaf.add(socket.on('error', () => {}))
  for (const oldest of deaf) {
    if (deaf.size <= MOST_DEAF) return
    deaf.delete(oldest)
    oldest.destroy()
  }
}

function attend(state: State, socket: Socket): void {
  const visited = new Set<string>()
  const scheduled = schedule(socket)
  // Over TLS this is another object than the one that is tracked.
  socket.on('error', () => {})
  readRequests(socket, ({ target, headBytes }): Reading => {
    const path = /^\/(\w*)/.exec(target)?.[1] ?? ''
    const { faults, seen } = state.plans.get(path) ?? { faults: [faultOf('404')], seen: undefined }
    const fault = faults[Math.min(seen?.requests ?? 0, faults.length - 1)] as Fault
    const { dripMs, now, refusedUrl } = state
    const call: Call = { socket, target, dripMs, now, refusedUrl, ...scheduled }
    if (seen) arrive(seen, headBytes, !visited.has(path))
    visited.add(path)
    if (fault.on === 'head') fault.act(call)
    return {
      bytes(count) {
        if (seen) seen.bytes += count
      },
      whole() {
        if (fault.on === 'whole') fault.act(call)
      },
    }
  })
}

function arrive(seen: Seen, bytes: number, isNewConnection: boolean): void {
  seen.requests += 1
  seen.bytes += bytes
  seen.times.push(performance.now())
  if (isNewConnection) seen.connections += 1
}

/** Timers that end with the connection. */
function schedule(socket: Socket): Pick<Call, 'after' | 'every'> {
  const timers = new Set<NodeJS.Timeout>()
  socket.on('close', () => {
    for (const timer of timers) clearTimeout(timer)
  })
  return {
    after(ms, act) {
      const timer = setTimeout(() => {
        timers.delete(timer)
        act()
      }, ms)
      timers.add(timer)
    },
    every: (ms, act) => void timers.add(setInterval(act, ms)),
  }
}

/**
 * A port that nobody can listen on: it is taken, by the client's end of a connection. A server that was closed again
 * would leave its port to whoever asks for a free one next.
 */
async function startDoorstop(): Promise<{ port: number; close(): void }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const held = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [peer] = await Promise.all([held, once(client, 'connect')])
  return {
    port: (client.address() as AddressInfo).port,
    close() {
      for (const socket of [client, peer]) socket.destroy()
      server.close()
    },
  }
}
