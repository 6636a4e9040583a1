// RFC 9111 as undici's cache interceptor knows it, asked for its opinion: may this be served, what must the server be
// asked, may the answer be kept. It gets no store and no connection of its own, so an opinion costs no I/O and no waiting.

import { type Dispatcher, interceptors } from 'undici'

type CacheOptions = NonNullable<Parameters<typeof interceptors.cache>[0]>
type UndiciStore = NonNullable<CacheOptions['store']>
type UndiciValue = Parameters<UndiciStore['createWriteStream']>[1]

export type PlainHeaders = Record<string, string | string[] | undefined>

export type Question = { origin: string; path: string; method: string; headers: Record<string, string> }

/** What undici wants to know again about an answer it let us keep. */
export type Kept = {
  vary: Record<string, string | null> | undefined
  etag: string | undefined
  directives: UndiciValue['cacheControlDirectives']
  lifetimeMs: number
}

export type Stored = Kept & { status: number; lastModified: string | undefined; ageMs: number }

/** `headers` without those that must not be kept; `forgotten` are addresses, of the question's origin. */
export type Judgement = {
  isFromStore: boolean
  kept: (Kept & { headers: PlainHeaders; ageMs: number }) | undefined
  forgotten: string[]
}

export type Ruling =
  | { state: 'serve'; isStale: boolean }
  /** The question allows no answer of a server (`only-if-cached`). */
  | { state: 'unanswerable' }
  | {
      state: 'ask'
      /** Headers that make the request conditional. */
      conditions: Record<string, string>
      answered(status: number, headers: PlainHeaders): Judgement
      /** No answer came. Whether what is stored may be served instead. */
      failed(error: Error): boolean
    }

/** The clock is the system's: undici knows no other. */
export function rule(question: Question, stored: Stored | undefined): Ruling {
  const hearing: Hearing = { wire: undefined, served: undefined, kept: undefined, forgotten: [] }
  const { origin, path, headers } = question
  const method = question.method as Dispatcher.HttpMethod
  const ask = interceptors.cache({ store: storeOf(stored, hearing), type: 'private', methods: ['GET'] })
  ask((options, handler) => {
    hearing.wire ??= { headers: options.headers as Record<string, string>, handler }
    return true
  })({ origin, path, method, headers }, listenerOf(hearing))
  const { wire, served } = hearing
  if (!wire) {
    return stored ? { state: 'serve', isStale: served?.headers.warning !== undefined } : { state: 'unanswerable' }
  }
  return {
    state: 'ask',
    conditions: conditionsOf(wire.headers, stored),
    answered(status, answer) {
      wire.handler.onRequestStart?.(CONTROLLER, null)
      wire.handler.onResponseStart?.(CONTROLLER, status, answer as Record<string, string | string[]>, '')
      // undici hands a server's headers through as they are and makes new ones for what it serves itself.
      const isFromStore = hearing.served?.headers !== answer
      return { isFromStore, kept: keptOf(hearing.kept), forgotten: hearing.forgotten }
    },
    failed(error) {
      wire.handler.onRequestStart?.(CONTROLLER, null)
      wire.handler.onResponseError?.(CONTROLLER, error)
      return hearing.served !== undefined
    },
  }
}

type Hearing = {
  wire: { headers: Record<string, string>; handler: Dispatcher.DispatchHandler } | undefined
  served: { headers: PlainHeaders } | undefined
  kept: UndiciValue | undefined
  forgotten: string[]
}

function listenerOf(hearing: Hearing): Dispatcher.DispatchHandler {
  return {
    onResponseStart(_, __, headers) {
      hearing.served = { headers }
    },
    // Without it, undici throws what it cannot tell.
    onResponseError() {},
  }
}

function storeOf(stored: Stored | undefined, hearing: Hearing): UndiciStore {
  return {
    get: () => stored && resultOf(stored),
    createWriteStream(_, value) {
      hearing.kept = value
      return undefined
    },
    delete({ origin, path }) {
      hearing.forgotten.push(new URL(path, origin).href)
    },
  }
}

function resultOf({ status, lastModified, ageMs, lifetimeMs, vary, etag, directives }: Stored) {
  const cachedAt = Date.now() - ageMs
  return {
    statusCode: status,
    statusMessage: '',
    headers: lastModified === undefined ? {} : { 'last-modified': lastModified },
    body: [],
    cachedAt,
    staleAt: cachedAt + lifetimeMs,
    // How long it is kept is the store's matter.
    deleteAt: Number.MAX_SAFE_INTEGER,
    cacheControlDirectives: directives ?? {},
    ...(vary === undefined ? {} : { vary }),
    ...(etag === undefined ? {} : { etag }),
  }
}

/** Without a validator of the server's, undici would ask by the time of the look-up, which no server has vouched for. */
function conditionsOf(headers: Record<string, string>, stored: Stored | undefined): Record<string, string> {
  const conditions: Record<string, string> = {}
  if (!stored) return conditions
  const { 'if-none-match': tag, 'if-modified-since': since } = headers
  if (stored.etag !== undefined && tag !== undefined) conditions['if-none-match'] = tag
  if (stored.lastModified !== undefined && since !== undefined) conditions['if-modified-since'] = since
  return conditions
}

function keptOf(value: UndiciValue | undefined): Judgement['kept'] {
  if (!value) return undefined
  const { vary, etag, cacheControlDirectives, cachedAt, staleAt, headers } = value
  return {
    vary: vary as Record<string, string | null> | undefined,
    etag,
    directives: cacheControlDirectives,
    lifetimeMs: Math.max(0, staleAt - cachedAt),
    ageMs: Math.max(0, Date.now() - cachedAt),
    headers,
  }
}

const CONTROLLER: Dispatcher.DispatchController = {
  aborted: false,
  paused: false,
  reason: null,
  rawHeaders: [],
  rawTrailers: [],
  abort() {},
  pause() {},
  resume() {},
}
