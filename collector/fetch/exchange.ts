// One request and its answer over the wire, with the moments in between. Knows nothing of spans; never rejects.

import type { Dispatcher } from 'undici'
import {
  type Connection,
  connections,
  failedOpening,
  hearConnection,
  openingTo,
  openWithin,
} from '#collector/fetch/connections.ts'
import { dueAt, type Limits, type Stage, timeoutError, tooLarge } from '#collector/fetch/limits.ts'
import type { Timeline } from '#collector/fetch/phases.ts'

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

/** Sends, and resolves when the answer is read to its end, is lost or took too long, or the signal aborts. */
export function exchange(outgoing: Outgoing, limits: Limits, pool: Dispatcher = connections()): Promise<Exchange> {
  return new Promise((resolve) => {
    const { url } = outgoing
    const exchanging = new Exchanging(outgoing, limits, resolve)
    if (exchanging.done) return
    const { method, headers, body } = outgoing
    openWithin(limits.connectMs)
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

/** Of `setTimeout`; longer ones end at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** A class, because undici calls a handler's methods and one prototype is cheaper than seven closures a request. */
class Exchanging implements Dispatcher.DispatchHandler {
  done = false
  private readonly timeline: Timeline = { calledAt: performance.now(), endedAt: 0 }
  private readonly outgoing: Outgoing
  private readonly limits: Limits
  private readonly resolve: (exchange: Exchange) => void
  private stage: Stage = 'connecting'
  private stageBegunAt = this.timeline.calledAt
  private timer: NodeJS.Timeout | undefined
  private timerAt = Number.POSITIVE_INFINITY
  private controller: Dispatcher.DispatchController | undefined
  private connection: Connection | undefined
  private stopHearing: (() => void) | undefined
  private status: number | undefined
  private headers: WireHeaders = {}
  private readonly chunks: Buffer[] = []
  private receivedBytes = 0

  constructor(outgoing: Outgoing, limits: Limits, resolve: (exchange: Exchange) => void) {
    this.outgoing = outgoing
    this.limits = limits
    this.resolve = resolve
    const { signal } = outgoing
    if (signal?.aborted) {
      this.abort()
      return
    }
    signal?.addEventListener('abort', this.abort)
    this.watch()
  }

  /** Also while the request still waits for a connection, where undici would not notice. */
  private readonly abort = (): void => {
    const error: unknown = this.outgoing.signal?.reason
    this.finish({ ...this.ended(), state: 'aborted', status: this.status, error })
    this.controller?.abort(new Error('aborted', { cause: error }))
  }

  private readonly look = (): void => {
    this.timerAt = Number.POSITIVE_INFINITY
    if (performance.now() < dueAt(this.progress(), this.limits)) {
      this.watch()
      return
    }
    this.giveUp(timeoutError(this.progress(), this.limits))
  }

  private giveUp(error: Error): void {
    this.finish({ ...this.ended(), state: 'lost', status: this.status, error })
    this.controller?.abort(error)
  }

  /** One timer for all limits. It is left running when the moment moves back, which with each piece it does. */
  private watch(): void {
    const at = dueAt(this.progress(), this.limits)
    if (at >= this.timerAt) return
    clearTimeout(this.timer)
    this.timerAt = at
    this.timer = setTimeout(this.look, Math.min(Math.max(0, Math.ceil(at - performance.now())), LONGEST_TIMER_MS))
  }

  private progress() {
    return { stage: this.stage, begunAt: this.timeline.calledAt, stageBegunAt: this.stageBegunAt }
  }

  private enter(stage: Stage, at: number): void {
    this.stage = stage
    this.stageBegunAt = at
    if (!this.done) this.watch()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (this.done) {
      controller.abort(new Error('aborted'))
      return
    }
    this.stopHearing = hearConnection((connection) => {
      const at = performance.now()
      this.timeline.sentAt = at
      this.enter('waiting', at)
      this.connection = connection
      if (connection.opening) this.timeline.opening = connection.opening
    })
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: WireHeaders): void {
    if (status < 200) return
    const at = performance.now()
    this.timeline.headersAt = at
    this.enter('reading', at)
    this.status = status
    this.headers = headers
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.done) return
    this.receivedBytes += chunk.length
    if (this.receivedBytes > this.limits.maxBytes) {
      this.giveUp(tooLarge(this.limits))
      return
    }
    this.chunks.push(chunk)
    this.stageBegunAt = performance.now()
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
    const opening = this.stage === 'connecting' ? openingTo(this.outgoing.url) : undefined
    if (opening) this.timeline.opening ??= opening
    return { timeline: this.timeline, connection: this.connection, receivedBytes: this.receivedBytes }
  }

  private finish(exchange: Exchange): void {
    if (this.done) return
    this.done = true
    clearTimeout(this.timer)
    this.stopHearing?.()
    this.outgoing.signal?.removeEventListener('abort', this.abort)
    // undici takes a connection back one turn of the event loop after its answer ended. Code that sends its next request
    // before that would open a second connection; so it goes on just after.
    queueMicrotask(() => setImmediate(this.resolve, exchange))
  }
}
