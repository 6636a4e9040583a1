// Requests as a busy fetch job sends them, made at next to no cost: encoded once, then ids, times and addresses are
// written over in a copy, so that no two bodies are alike and making them does not disturb what is measured.

import type { Encoding } from '#storage/signals.ts'
import { type Attributes, type Sent, type SpanText, traces, tracesJson } from '#test/ingest/otlp.ts'

/** `next` is a request of `spans` spans whose last cycle ends at `endNano` (Unix time in nanoseconds). */
export type Bodies = { readonly spans: number; next(endNano: bigint): Buffer }

const SPANS_A_CYCLE = 20
/** Cycles of one request follow each other; the steps of one overlap. */
const CYCLE_EVERY = 1.1e9
const STEP_EVERY = 0.4e9

/**
 * Makes requests of 500 spans (25 `cycles` of 20) of about 340 bytes in protobuf, each span with 8 attributes.
 * `fill` gives random words, e.g. `crypto.randomFillSync`.
 */
export function makeBodies(encoding: Encoding, fill: (words: Uint32Array) => unknown, cycles = 25): Bodies {
  const spans = cycles * SPANS_A_CYCLE
  const template = (encoding === 'protobuf' ? traces : tracesJson)([request(spans)])
  const writer = encoding === 'protobuf' ? BINARY : TEXT
  const slots = findSlots(template, writer, spans)
  const words = new Uint32Array(spans * WORDS_A_SPAN)
  const length = BigInt((cycles - 1) * CYCLE_EVERY + SPANS_A_CYCLE * STEP_EVERY)
  return {
    spans,
    next(endNano) {
      const body = Buffer.allocUnsafe(template.length)
      template.copy(body)
      fill(words)
      const clock = writer.clockAt(endNano - length)
      for (const slot of slots) overwrite(body, slot, words, writer, clock)
      return body
    },
  }
}

/** Random words of a span: 4 for the trace id (the root's count), 2 for its own id, 1 for its address. */
const WORDS_A_SPAN = 7

/** Where the changing parts of the n-th span lie in the body; `parent` and `address` are -1 where there is none. */
type Slot = {
  n: number
  trace: number
  span: number
  parent: number
  start: number
  end: number
  address: number
}

function overwrite(body: Buffer, slot: Slot, words: Uint32Array, writer: Writer, clock: Clock): void {
  const root = rootOf(slot.n) * WORDS_A_SPAN
  const own = slot.n * WORDS_A_SPAN
  for (let at = 0; at < 4; at++) writer.word(body, slot.trace + at * writer.width, words[root + at] as number)
  for (let at = 0; at < 2; at++) {
    writer.word(body, slot.span + at * writer.width, words[own + 4 + at] as number)
    if (slot.parent >= 0) writer.word(body, slot.parent + at * writer.width, words[root + 4 + at] as number)
  }
  if (slot.address >= 0) writeHex(body, slot.address, words[own + 6] as number)
  const started = startOf(slot.n)
  writer.time(body, slot.start, clock, started)
  writer.time(body, slot.end, clock, started + lastedOf(slot.n) + ((words[own + 6] as number) % 1_000_000))
}

/** Half a moment each, so that an offset is added without big integers. */
type Clock = { high: number; low: number }
type Writer = {
  /** Bytes that a word of 32 bits takes. */
  width: number
  /** What an id given as hex looks like in the body. */
  id(hex: string): Buffer
  moment(nano: bigint): Buffer
  word(body: Buffer, at: number, word: number): void
  clockAt(nano: bigint): Clock
  time(body: Buffer, at: number, clock: Clock, offset: number): void
}

const BINARY: Writer = {
  width: 4,
  id: (hex) => Buffer.from(hex, 'hex'),
  moment(nano) {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(nano)
    return bytes
  },
  word: (body, at, word) => body.writeUInt32LE(word, at),
  clockAt: (nano) => ({ high: Number(nano >> 32n), low: Number(nano & 0xffff_ffffn) }),
  time(body, at, { high, low }, offset) {
    const sum = low + offset
    body.writeUInt32LE(sum % 0x1_0000_0000, at)
    body.writeUInt32LE(high + Math.floor(sum / 0x1_0000_0000), at + 4)
  },
}

const TEXT: Writer = {
  width: 8,
  id: (hex) => Buffer.from(hex),
  moment: (nano) => Buffer.from(String(nano)),
  word: writeHex,
  clockAt: (nano) => ({ high: Number(nano / 1_000_000_000n), low: Number(nano % 1_000_000_000n) }),
  time(body, at, { high, low }, offset) {
    const sum = low + offset
    const digits = String(high + Math.floor(sum / 1e9)) + String(sum % 1e9).padStart(9, '0')
    body.write(digits, at, 'latin1')
  },
}

const DIGITS = Buffer.from('0123456789abcdef')

function writeHex(body: Buffer, at: number, word: number): void {
  for (let digit = 0; digit < 8; digit++) body[at + digit] = DIGITS[(word >>> (28 - 4 * digit)) & 15] as number
}

/** The template's own ids and times, which occur nowhere else, say where to write. */
function findSlots(template: Buffer, writer: Writer, spans: number): Slot[] {
  let from = 0
  const find = (marker: Buffer): number => {
    const at = template.indexOf(marker, from)
    if (at < 0) throw new Error(`the request has no ${marker.toString('hex')}`)
    from = at + marker.length
    return at
  }
  return Array.from({ length: spans }, (_, n) => ({
    n,
    trace: find(writer.id(traceIdOf(n))),
    span: find(writer.id(spanIdOf(n))),
    parent: isRoot(n) ? -1 : find(writer.id(spanIdOf(rootOf(n)))),
    start: find(writer.moment(momentOf(2 * n))),
    end: find(writer.moment(momentOf(2 * n + 1))),
    address: isRoot(n) ? -1 : find(Buffer.from(addressOf(n))),
  }))
}

function request(spans: number): Sent {
  return {
    resource: {
      'service.name': 'coin-prices',
      'service.version': '1.14.2',
      'service.instance.id': '6b1f1c0e-4d0c-4bd7-8a54-0b5f6e2f9a11',
      'deployment.environment.name': 'production',
      'host.name': 'worker-03.eu-central-1.internal',
      'telemetry.sdk.language': 'nodejs',
    },
    scope: { name: 'cyclewatch', version: '0.1.0' },
    spans: Array.from({ length: spans }, (_, n) => (isRoot(n) ? cycle(n) : step(n))),
  }
}

function cycle(n: number): SpanText {
  return {
    ...commonOf(n),
    name: 'coin-prices',
    kind: 1,
    attributes: {
      'cycle.name': 'coin-prices',
      'cycle.outcome': n % 200 === 0 ? 'partial' : 'ok',
      'cycle.items': BigInt(1_000 + (n % 37)),
      'cycle.bytes': BigInt(150_000 + n * 7),
      'cycle.attempt': 1n,
      'cycle.schedule': 'every 1m',
      'process.cpu.seconds': 0.25 + (n % 7) / 8,
      'code.function.name': 'refreshPrices',
    },
  }
}

function step(n: number): SpanText {
  const failed = n % 50 === 7
  const attributes: Attributes = {
    'cycle.name': 'coin-prices',
    'step.kind': 'fetch',
    'http.request.method': 'GET',
    'http.response.status_code': failed ? 503n : 200n,
    'server.address': 'api.coins.example',
    'url.template': '/v2/coins/{id}',
    'url.full': `https://api.coins.example/v2/coins/${addressOf(n)}`,
    'http.response.body.size': BigInt(300 + ((n * 7_919) % 20_000)),
  }
  const status = failed ? { status: { code: 2, message: 'HTTP 503' } } : {}
  return { ...commonOf(n), parentSpanId: spanIdOf(rootOf(n)), name: 'GET /coins/{id}', kind: 3, attributes, ...status }
}

function commonOf(n: number): Pick<SpanText, 'traceId' | 'spanId' | 'startNano' | 'endNano'> {
  const times = { startNano: momentOf(2 * n), endNano: momentOf(2 * n + 1) }
  return { traceId: traceIdOf(n), spanId: spanIdOf(n), ...times }
}

function isRoot(n: number): boolean {
  return n % SPANS_A_CYCLE === 0
}

function rootOf(n: number): number {
  return n - (n % SPANS_A_CYCLE)
}

function startOf(n: number): number {
  return Math.floor(n / SPANS_A_CYCLE) * CYCLE_EVERY + (n % SPANS_A_CYCLE) * STEP_EVERY
}

/** A cycle lasts until its last step is over. */
function lastedOf(n: number): number {
  return isRoot(n) ? SPANS_A_CYCLE * STEP_EVERY : 80e6 + ((n * 104_729) % 300) * 1e6
}

function traceIdOf(n: number): string {
  return `7a${String(rootOf(n)).padStart(30, 'e')}`
}

function spanIdOf(n: number): string {
  return `5b${String(n).padStart(14, 'd')}`
}

function addressOf(n: number): string {
  return String(n).padStart(8, '_')
}

function momentOf(n: number): bigint {
  return 1_234_567_890_000_000_000n + BigInt(n)
}
