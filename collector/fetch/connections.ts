// The connections of run.fetch: one pool for the process, and for each socket when it was looked up, connected, secured
// and first used. No diagnostics channel of undici tells DNS or TLS, so the connector stamps its sockets itself.

import { subscribe } from 'node:diagnostics_channel'
import { isIP, type Socket } from 'node:net'
import { Agent, buildConnector } from 'undici'
import { rememberNames } from '#collector/fetch/name-cache.ts'
import type { Opening } from '#collector/fetch/phases.ts'

const STAMP = Symbol('cyclewatch.opening')
type Stamped = Socket & { [STAMP]?: { opening: Opening; used: boolean } }

/** The openings that failed, by the error their requests get. */
const failed = new WeakMap<Error, Opening>()

/** The last opening begun to an origin and not over yet: somebody may give up waiting for it. */
const openings = new Map<string, Opening>()

/** Longer than most jobs rest between two cycles; a server that closes earlier says so. */
const IDLE_MS = 600_000
/** How long a connection may take that no attempt has said more of. */
const OPENING_MS = 10_000
let openingMs = OPENING_MS

/** `opening` only for the first attempt that uses the connection. */
export type Connection = { reused: boolean; opening: Opening | undefined }

type Hear = (connection: Connection) => void
let hearing: Hear | undefined
let pool: Agent | undefined

/**
 * The pool, made on first use. HTTP/1.1 only: over HTTP/2 (which undici 8 offers by default) attempts share one
 * connection, so waiting for a stream and slow neighbours would hide inside ttfb and download instead of showing as
 * queue, and one attempt's reset would take others along. Idle connections do not keep the process alive.
 */
export function connections(): Agent {
  if (pool) return pool
  subscribe('undici:client:sendHeaders', heard)
  pool = new Agent({
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: IDLE_MS,
    keepAliveMaxTimeout: IDLE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: stampingConnector(),
  })
  return pool
}

/**
 * Tells which connection carries the request that undici starts in this very tick. Called from `onRequestStart`,
 * right after which undici publishes `sendHeaders` with the socket; the returned function stops listening.
 */
export function hearConnection(hear: Hear): () => void {
  hearing = hear
  return () => {
    if (hearing === hear) hearing = undefined
  }
}

/** How far the opening came that ended in this error; undefined for any other error. */
export function failedOpening(error: unknown): Opening | undefined {
  return error instanceof Error ? failed.get(error) : undefined
}

/** The attempt that wants it gives up first, and says what it waited for. */
const SLACK_MS = 100

/** Connections that are begun in this very tick are given up after so long: just after the attempt that wants them. */
export function openWithin(ms: number): void {
  openingMs = ms + SLACK_MS
}

/** How far the opening has come that a request to this origin waits for. */
export function openingTo({ protocol, hostname, port }: URL): Opening | undefined {
  return openings.get(`${protocol}//${hostname.replace(/^\[|\]$/g, '')}:${port}`)
}

function heard(message: unknown): void {
  const hear = hearing
  if (!hear) return
  hearing = undefined
  const stamp = (message as { socket: Stamped }).socket[STAMP]
  hear({ reused: stamp?.used ?? true, opening: stamp && !stamp.used ? stamp.opening : undefined })
  if (stamp) stamp.used = true
}

function stampingConnector(): buildConnector.connector {
  // With the types of undici 8 the connector returns nothing; it does return the socket, before it is connected.
  const lookup = rememberNames(() => performance.now())
  const connect = buildConnector({ allowH2: false, timeout: 0, lookup }) as unknown as (
    options: buildConnector.Options,
    callback: buildConnector.Callback,
  ) => Socket
  return (options, callback) => {
    const opening: Opening = { begunAt: performance.now() }
    if (isIP(options.hostname)) opening.lookedUpAt = opening.begunAt
    const origin = `${options.protocol}//${options.hostname}:${options.port ?? ''}`
    openings.set(origin, opening)
    const limit = setTimeout(() => socket.destroy(tooSlow()), openingMs).unref()
    const socket: Stamped = connect(options, (...[error, made]: Parameters<buildConnector.Callback>) => {
      clearTimeout(limit)
      if (openings.get(origin) === opening) openings.delete(origin)
      if (error) {
        failed.set(error, opening)
        callback(error, null)
      } else callback(null, made)
    })
    socket[STAMP] = { opening, used: false }
    // A host with several addresses is looked up once and tells each of them.
    socket.once('lookup', (error) => {
      if (!error) opening.lookedUpAt ??= performance.now()
    })
    // Prepended, because undici sends the first request from its own listener.
    socket.prependOnceListener('connect', () => {
      opening.connectedAt = performance.now()
    })
    socket.prependOnceListener('secureConnect', () => {
      opening.securedAt = performance.now()
    })
  }
}

function tooSlow(): Error {
  return Object.assign(new Error('there was no connection in time'), { name: 'TimeoutError', code: 'ETIMEDOUT' })
}
