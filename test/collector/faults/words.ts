// What the simulated upstream can do to a request, a word each, down to the bytes on the wire.

import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'

/** One request as its fault sees it. Whatever it schedules ends with the connection. */
export type Call = {
  socket: Socket
  /** Path and query as they were asked for. */
  target: string
  after(ms: number, act: () => void): void
  every(ms: number, act: () => void): void
  dripMs: number
  /** Epoch milliseconds by the upstream's own clock, which may be wrong. */
  now(): number
  /** An address that nothing listens on. */
  refusedUrl: string
}

/** `head` acts as soon as the head has arrived, with the body still on its way; others once the request is whole. */
export type Fault = { on: 'head' | 'whole'; act(call: Call): void }

/** Time for what was sent to be read before the connection is reset, which may throw it away. */
const READ_MS = 15
const MEGABYTE = 2 ** 20
export const BODY = '{"price":7}'
const PART = '{"price":'

type Headers = Record<string, string | number>

function head(status: number, headers: Headers = {}, version = '1.1'): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/${version} ${status} ${STATUS_CODES[status] ?? 'Unheard Of'}\r\n${lines.join('')}\r\n`
}

function whole(status: number, body: string | Buffer, headers: Headers = {}): Buffer {
  return Buffer.concat([Buffer.from(head(status, { ...headers, 'content-length': body.length })), Buffer.from(body)])
}

function encoded(encoding: string, body: Buffer): Buffer {
  return whole(200, body, { 'content-encoding': encoding })
}

const OK = whole(200, BODY, { 'content-type': 'application/json' })
/** The first part of an answer whose head promises more. */
const BEGUN = head(200, { 'content-length': 100 }) + PART

const writes =
  (bytes: (call: Call) => string | Buffer) =>
  (call: Call): void =>
    void call.socket.write(bytes(call))
const ends =
  (bytes: (call: Call) => string | Buffer) =>
  (call: Call): void =>
    void call.socket.end(bytes(call))
const redirects = (location: (call: Call) => string) =>
  writes((call) => whole(302, '', { location: location(call), 'set-cookie': 'hop=1' }))

const WHOLE: Record<string, Fault['act']> = {
  ok: writes(() => OK),
  // The connection and its end.
  reset: ({ socket }) => void socket.resetAndDestroy(),
  'reset in head': (call) => resetAfter(call, 'HTTP/1.1 200 OK\r\nx-begun: y'),
  'reset in body': (call) => resetAfter(call, BEGUN),
  close: ({ socket }) => void socket.end(),
  'ok then close': closesWhenIdle,
  half: ends(() => BEGUN),
  // Silence, and next to silence.
  hang: () => {},
  'head then hang': writes(() => head(200, { 'content-length': 100 })),
  'half then hang': writes(() => BEGUN),
  'drip head': (call) => drips(call, 'HTTP/1.1 200 OK\r\nx-drip: '),
  'drip body': (call) => drips(call, head(200, { 'content-length': MEGABYTE })),
  // Lengths and framing.
  'length too short': writes(() => `${head(200, { 'content-length': PART.length })}${BODY}`),
  'two answers': writes(() => Buffer.concat([OK, whole(200, 'an answer to nobody')])),
  'length twice': writes(() => head(200, { 'content-length': 5, 'Content-Length': 7 }) + BODY),
  'broken chunks': writes(() => `${head(200, { 'transfer-encoding': 'chunked' })}5\r\nhello\r\nxyz\r\nhello\r\n`),
  'cut chunks': ends(() => `${head(200, { 'transfer-encoding': 'chunked' })}5\r\nhello\r\n`),
  '204 with body': writes(() => `${head(204, { 'content-length': 5 })}hello`),
  // Things that are not the answer.
  'not http': ends(() => 'SSH-2.0-OpenSSH_9.9\r\n'),
  echo: ends(({ target }) => `you asked for ${target}\r\n`),
  'huge header': writes(() => head(200, { 'content-length': 0, 'x-huge': 'h'.repeat(MEGABYTE / 4) })),
  'http 1.0': ends(() => head(200, {}, '1.0') + BODY),
  // Nobody asked for it.
  continue: writes(() => head(100) + OK),
  'early hints': hints,
  // Bodies that are not what their head says.
  'bad gzip': writes(() => encoded('gzip', Buffer.from('this is no gzip'))),
  'bad br': writes(() => encoded('br', Buffer.from('this is no brotli'))),
  'bad zstd': writes(() => encoded('zstd', Buffer.from('this is no zstd'))),
  'cut gzip': writes(() => encoded('gzip', cut(gzipSync(LONG)))),
  'cut br': writes(() => encoded('br', cut(brotliCompressSync(LONG)))),
  'cut zstd': writes(() => encoded('zstd', cut(zstdCompressSync(LONG)))),
  // Redirects.
  'redirect loop': redirects(({ target }) => target),
  'redirect to refused': redirects(({ refusedUrl }) => refusedUrl),
  'redirect to nowhere': redirects(() => 'http://nowhere.invalid/'),
  'redirect to scheme': redirects(({ target }) => `ftp://example.org${target}`),
}

const HEAD: Record<string, Fault['act']> = {
  'early answer': writes(() => whole(413, 'too much')),
  'early answer then close': ends(() => whole(413, 'too much', { connection: 'close' })),
  'early answer then reset': (call) => resetAfter(call, whole(413, 'too much').toString()),
}

/**
 * The fault that a word stands for: one of the tables above; a status, such as `503`; a status with what to say in
 * Retry-After, such as `429 after 2`, where `date` is one in 2 s and `past` one of 1970; `bomb 1024`, which is as many
 * megabytes of zeros. Throws when there is none.
 */
export function faultOf(word: string): Fault {
  const act = WHOLE[word] ?? HEAD[word]
  if (act) return { on: word in HEAD ? 'head' : 'whole', act }
  const [, status, retryAfter] = /^(\d{3})(?: after (.+))?$/.exec(word) ?? []
  if (status) return { on: 'whole', act: (call) => answersStatus(call, Number(status), retryAfter) }
  const [, megabytes] = /^bomb (\d+)$/.exec(word) ?? []
  if (megabytes) return { on: 'whole', act: writes(() => encoded('gzip', bomb(Number(megabytes)))) }
  const known = [...Object.keys(WHOLE), ...Object.keys(HEAD), '<status>', '<status> after <text>', 'bomb <megabytes>']
  throw new Error(`'${word}' is no fault; there are ${known.join(', ')}`)
}

function answersStatus({ socket, now }: Call, status: number, retryAfter: string | undefined): void {
  const dates: Record<string, number> = { date: now() + 2_000, past: 0 }
  const date = dates[retryAfter ?? '']
  const text = date === undefined ? retryAfter : new Date(date).toUTCString()
  const headers: Headers = text === undefined ? {} : { 'retry-after': text }
  const isBodiless = status === 204 || status === 304
  socket.write(isBodiless ? head(status, headers) : whole(status, `status ${status}`, headers))
}

function resetAfter({ socket, after }: Call, bytes: string): void {
  socket.write(bytes)
  after(READ_MS, () => socket.resetAndDestroy())
}

function drips({ socket, every, dripMs }: Call, begin: string): void {
  socket.write(begin)
  every(dripMs, () => void socket.write('.'))
}

/** As a server that ends idle connections: with luck in the very moment in which the next request is written. */
function closesWhenIdle({ socket, after }: Call): void {
  socket.write(OK)
  after(1, () => void socket.end())
}

function hints({ socket, after }: Call): void {
  socket.write(head(103, { link: '</style.css>; rel=preload' }))
  after(2, () => socket.write(OK))
}

/** Does not compress to nothing, so that a half of it is a half. */
const LONG = Array.from({ length: 2_000 }, (_, id) => `{"id":${id},"price":${(id * 7_919) % 10_007}}`).join()

function cut(packed: Buffer): Buffer {
  return packed.subarray(0, packed.length / 2)
}

/** Members of a megabyte each, one after the other, as gzip allows: quick to make at any size. */
function bomb(megabytes: number): Buffer {
  const member = gzipSync(Buffer.alloc(MEGABYTE))
  return Buffer.concat(Array.from({ length: megabytes }, () => member))
}
