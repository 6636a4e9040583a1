// The ten collectors on ten hosts of loopback, and an eleventh that validates addresses at no charge. A host that has more
// than five connections, or anybody who runs more than five analyses, waits three times as long.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { COLLECTORS, type Collector, PLACES, pointsOf } from '#demo/locations/places.ts'
import { drawReplies, type Replies } from '#demo/locations/trouble.ts'

const VALIDATION_S = 2
const MOST_ANALYSES = 5
const MOST_CONNECTIONS = 5
const THROTTLED = 3

/** `calls` are requests to collectors, each of which costs money; `throttled` those that were made to wait longer. */
export type Tally = {
  calls: number
  validations: number
  /** By collector, address and radius. */
  asked: Map<string, number>
  throttled: number
  mostAnalyses: number
  mostConnections: number
}

/** Where things are; without a slash at the end. */
export type Hosts = { validator: string; collectors: Record<Collector, string> }

export type LocationUpstream = {
  hosts: Hosts
  tally: Tally
  /** Stops at once: pending answers break off. */
  close(): Promise<void>
}

/** `running` counts an analysis's requests under way. */
type State = { scale: number; replies: Replies; tally: Tally; running: Map<string, number> }

/** `scale` is how many times faster than the original; `random` gives numbers from 0 to 1. Resolves once all listen. */
export async function startLocationUpstream(scale: number, random: () => number): Promise<LocationUpstream> {
  const asked = new Map<string, number>()
  const tally: Tally = { calls: 0, validations: 0, asked, throttled: 0, mostAnalyses: 0, mostConnections: 0 }
  const state: State = { scale, replies: drawReplies(random), tally, running: new Map() }
  const validator = await listen(createServer((request, response) => validate(state, request, response)))
  const hosts = await Promise.all(COLLECTORS.map((collector) => startHost(state, collector)))
  const addresses = COLLECTORS.map((collector, index) => [collector, urlOf(hosts[index] as Server)])
  return {
    hosts: { validator: urlOf(validator), collectors: Object.fromEntries(addresses) },
    tally,
    close: async () => void (await Promise.all([validator, ...hosts].map(stop))),
  }
}

function startHost(state: State, collector: Collector): Promise<Server> {
  const { tally } = state
  let connections = 0
  const server = createServer((request, response) => collect(state, collector, connections, request, response))
  server.on('connection', (socket) => {
    connections += 1
    tally.mostConnections = Math.max(tally.mostConnections, connections)
    socket.once('close', () => {
      connections -= 1
    })
  })
  return listen(server)
}

function collect(
  state: State,
  collector: Collector,
  connections: number,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { replies, tally, running } = state
  const { searchParams } = new URL(request.url ?? '/', 'http://host')
  const [address, radius] = [searchParams.get('address'), Number(searchParams.get('radius'))]
  const place = PLACES.find((known) => known.address === address && known.radius === radius)
  if (!place) {
    answer(state, response, 0, 404, { error: 'there is no such place' })
    return
  }

  const analysis = String(request.headers['x-analysis'])
  running.set(analysis, (running.get(analysis) ?? 0) + 1)
  response.once('close', () => ended(running, analysis))
  const key = `${collector} ${place.address} ${place.radius}`
  const earlier = tally.asked.get(key) ?? 0
  tally.asked.set(key, earlier + 1)
  tally.calls += 1
  tally.mostAnalyses = Math.max(tally.mostAnalyses, running.size)
  const isThrottled = running.size > MOST_ANALYSES || connections > MOST_CONNECTIONS
  if (isThrottled) tally.throttled += 1

  const { status, seconds } = replies(collector, place, earlier)
  const body = status === 200 ? pointsOf(collector, place) : { error: `${collector} is out of order` }
  answer(state, response, isThrottled ? seconds * THROTTLED : seconds, status, body)
}

function ended(running: Map<string, number>, analysis: string): void {
  const left = (running.get(analysis) ?? 0) - 1
  if (left > 0) running.set(analysis, left)
  else running.delete(analysis)
}

function validate(state: State, request: IncomingMessage, response: ServerResponse): void {
  const address = new URL(request.url ?? '/', 'http://host').searchParams.get('address')
  state.tally.validations += 1
  const isKnown = PLACES.some((place) => place.address === address)
  answer(state, response, VALIDATION_S, isKnown ? 200 : 404, isKnown ? { address } : { error: 'unknown address' })
}

function answer({ scale }: State, response: ServerResponse, seconds: number, status: number, body: unknown): void {
  const send = () => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  const timer = setTimeout(send, (seconds * 1_000) / scale)
  response.once('close', () => clearTimeout(timer))
}

async function listen(server: Server): Promise<Server> {
  // Longer than any pause of a job: a connection that is closed while it is taken again would be one failure more.
  server.keepAliveTimeout = 600_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return server
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
