// One request and its answer over the wire, with the moments in between. Knows nothing of spans; never rejects.

import type { Dispatcher } from 'undici'
import { type Connection, connections, failedOpening, hearConnection } from './connections.ts'
import type { Timeline } from './phases.ts'

export type Outgoing = {
  url: URL
  method: string
  /** Names and values, flat, as undici takes them fastest. */
  headers: string[]
  body: Uint8Array | undefined
  signal: AbortSignal | undefined
}

export type WireHeaders = Record<string, string | string[] | undefined>

/** `status` and `headers` of a lost exchange are there when the answer broke off after its head. */
export type Exchange = { timeline: Timeline; connection: Connection | undefined; receivedBytes: number } & (
  | { state: 'answered'; status: number; headers: WireHeaders; body: Buffer }
  | { state: 'lost'; status: number | undefined; error: unknown }
  | { state: 'aborted'; status: number | undefined; error: unknown }
)

/** Sends, and resolves when the answer is read to its end, is lost, or the signal aborts. */
export function exchange(outgoing: Outgoing, pool: Dispatcher = connections()): Promise<Exchange> {
  return new Promise((resolve) => {
    const { signal, url } = outgoing
    const exchanging = new Exchanging(signal, resolve)
    if (exchanging.done) return
    const { method, headers, body } = outgoing
    pool.dispatch(
      {
        origin: url.origin,
        path: url.pathname + url.search,
        method: method as Dispatcher.HttpMethod,
        headers,
        body: body ?? null,
      },
      exchanging,
    )
  })
}

/** A class, because undici calls a handler's methods and one prototype is cheaper than seven closures a request. */
class Exchanging implements Dispatcher.DispatchHandler {
  done = false
  private readonly timeline: Timeline = { calledAt: performance.now(), endedAt: 0 }
  private readonly signal: AbortSignal | undefined
  private readonly resolve: (exchange: Exchange) => void
  private controller: Dispatcher.DispatchController | undefined
  private connection: Connection | undefined
  private stopHearing: (() => void) | undefined
  private status: number | undefined
  private headers: WireHeaders = {}
  private readonly chunks: Buffer[] = []
  private receivedBytes = 0

  constructor(signal: AbortSignal | undefined, resolve: (exchange: Exchange) => void) {
    this.signal = signal
    this.resolve = resolve
    if (signal?.aborted) this.abort()
    else signal?.addEventListener('abort', this.abort)
  }

  /** Also while the request still waits for a connection, where undici would not notice. */
  private readonly abort = (): void => {
    const error: unknown = this.signal?.reason
    this.finish({ ...this.ended(), state: 'aborted', status: this.status, error })
    this.controller?.abort(new Error('aborted', { cause: error }))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (this.done) {
      controller.abort(new Error('aborted'))
      return
    }
    this.stopHearing = hearConnection((connection) => {
      this.timeline.sentAt = performance.now()
      this.connection = connection
      if (connection.opening) this.timeline.opening = connection.opening
    })
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: WireHeaders): void {
    if (status < 200) return
    this.timeline.headersAt = performance.now()
    this.status = status
    this.headers = headers
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.receivedBytes += chunk.length
    this.chunks.push(chunk)
  }

  onResponseEnd(): void {
    if (this.done) return
    const { chunks, headers } = this
    const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
    this.finish({ ...this.ended(), state: 'answered', status: this.status ?? 0, headers, body })
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.done) return
    const opening = failedOpening(error)
    if (opening) this.timeline.opening = opening
    this.finish({ ...this.ended(), state: 'lost', status: this.status, error })
  }

  private ended(): Pick<Exchange, 'timeline' | 'connection' | 'receivedBytes'> {
    this.timeline.endedAt = performance.now()
    return { timeline: this.timeline, connection: this.connection, receivedBytes: this.receivedBytes }
  }

  private finish(exchange: Exchange): void {
    if (this.done) return
    this.done = true
    this.stopHearing?.()
    this.signal?.removeEventListener('abort', this.abort)
    // undici takes a connection back one turn of the event loop after its answer ended. Code that sends its next request
    // before that would open a second connection; so it goes on just after.
    queueMicrotask(() => setImmediate(this.resolve, exchange))
  }
}
