// The bank's monitoring server on loopback: POST /login, GET /terminals?status=… and GET /terminals/{id}, each slow, some
// of them failing at first. It bears five requests at once; one more pushes it into a slow-down.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Course, drawCourses, terminalAt, terminalsWith } from '#demo/terminals/catalogue.ts'

/** Requests at once that do no harm. */
export const BEARS = 5
const SLOW_DOWN_MS = 30_000
const SLOWER = 3
/** How long the gateway takes to say 502. */
const FAIL_MS = 6_500

export type TerminalUpstreamOptions = {
  /** How many times faster than the original. */
  scale: number
  /** Numbers from 0 to 1. */
  random: () => number
  /** Terminals of which nothing but 502 is ever heard. */
  broken?: readonly string[]
}

/** What it saw; `abandonedSeconds`, unscaled, is how long those requests lasted that the client gave up. */
export type Traffic = {
  calls: number
  mostAtOnce: number
  slowDowns: number
  refused: number
  searches: number
  abandonedSeconds: number
}

export type TerminalUpstream = AsyncDisposable & {
  /** Without a slash at the end. */
  url: string
  traffic(): Traffic
}

type State = {
  readonly options: TerminalUpstreamOptions
  readonly courses: ReturnType<typeof drawCourses>
  readonly traffic: Traffic
  /** Attempts that went wrong since the last answer, by what was asked for. */
  readonly failed: Map<string, number>
  open: number
  visits: number
  slowUntil: number
}

/** Resolves once it listens. Disposing of it stops it at once: pending answers break off. */
export async function startTerminalUpstream(options: TerminalUpstreamOptions): Promise<TerminalUpstream> {
  const traffic = { calls: 0, mostAtOnce: 0, slowDowns: 0, refused: 0, searches: 0, abandonedSeconds: 0 }
  const courses = drawCourses(options.random)
  const state: State = { options, courses, traffic, failed: new Map(), open: 0, visits: 0, slowUntil: 0 }
  const server = createServer((request, response) => receive(state, request, response))
  // A job that rests between two runs finds its connections as it left them.
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    traffic: () => ({ ...traffic }),
    [Symbol.asyncDispose]: () => stop(server),
  }
}

function receive(state: State, request: IncomingMessage, response: ServerResponse): void {
  count(state, request, response)
  const { traffic, options } = state
  const now = performance.now()
  if (state.open > BEARS) {
    if (now >= state.slowUntil) traffic.slowDowns += 1
    state.slowUntil = now + SLOW_DOWN_MS / options.scale
    traffic.refused += 1
    if (traffic.refused % 2 === 0) response.destroy()
    else send(response, 429, { error: 'too many requests at once' })
    return
  }
  const asked = askedFor(request)
  const course = asked && state.courses.get(asked)
  if (asked && course) answer(state, request, response, asked, course)
  else send(response, 404, { error: 'there is no such thing' })
}

/** A request is open until it is answered or the client is gone. */
function count(state: State, { socket, url = '' }: IncomingMessage, response: ServerResponse): void {
  const { traffic, options } = state
  const at = performance.now()
  traffic.calls += 1
  if (url.startsWith('/terminals?')) traffic.searches += 1
  state.open += 1
  traffic.mostAtOnce = Math.max(traffic.mostAtOnce, state.open)
  const left = () => {
    response.off('close', left)
    socket.off('end', left)
    state.open -= 1
    if (!response.writableEnded) traffic.abandonedSeconds += ((performance.now() - at) * options.scale) / 1_000
  }
  response.once('close', left)
  // Comes before the close, and before whatever the client asks on its next connection.
  socket.once('end', left)
}

/** `login`, a status, or a terminal's id. */
function askedFor({ method, url = '' }: IncomingMessage): string | null {
  const { pathname, searchParams } = new URL(url, 'http://terminals')
  if (pathname === '/login') return method === 'POST' ? 'login' : null
  if (pathname === '/terminals') return searchParams.get('status')
  return pathname.replace(/^\/terminals\//, '')
}

function answer(
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
  asked: string,
  { faults, tookMs }: Course,
): void {
  const { failed, options } = state
  const visit = asked === 'login' ? 0 : Number(/^Bearer visit-(\d+)$/.exec(request.headers.authorization ?? '')?.[1])
  if (Number.isNaN(visit)) {
    send(response, 401, { error: 'log in first' })
    return
  }
  const tries = failed.get(asked) ?? 0
  const fault = options.broken?.includes(asked) ? 'fail' : faults[tries]
  if (fault) failed.set(asked, tries + 1)
  if (fault === 'hang') return
  const slower = performance.now() < state.slowUntil ? SLOWER : 1
  const timer = setTimeout(
    () => {
      if (!fault) failed.delete(asked)
      if (fault) send(response, 502, { error: 'bad gateway' })
      else send(response, 200, bodyOf(state, asked, visit))
    },
    ((fault ? FAIL_MS : tookMs) * slower) / options.scale,
  )
  response.once('close', () => clearTimeout(timer))
}

function bodyOf(state: State, asked: string, visit: number): unknown {
  if (asked === 'login') {
    state.visits += 1
    return { token: `visit-${state.visits}` }
  }
  return asked.startsWith('T-') ? terminalAt(asked, visit) : { ids: terminalsWith(asked) }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
