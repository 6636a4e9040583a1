// Segments of one signal on their way into ClickHouse, each with the same token again until it is stored.

import { setTimeout as delay } from 'node:timers/promises'
import type { Tell } from '#ingest/events.ts'
import { createBell } from '#ingest/spool/bell.ts'
import type { Segment } from '#ingest/spool/folder.ts'
import { begunAt } from '#ingest/spool/folder.ts'
import { restAfter, whatIsDue } from '#ingest/spool/pace.ts'
import type { Writer } from '#ingest/spool/writer.ts'
import { messageOf } from '#model/errors.ts'
import type { Signal } from '#storage/signals.ts'

export type Sender = {
  /** Takes over a segment that is complete. */
  enqueue(segment: Segment): void
  /** To be called after a writer has written. */
  wake(): void
  /** What is not stored yet; `since` is epoch milliseconds of the oldest of it. */
  state(): Backlog
  /** Sends what there is without waiting for more, for `ms` at most, and then nothing more. */
  finish(ms: number): Promise<void>
}

export type Backlog = { segments: number; bytes: number; since: number | null }

/** `deliver` stores a segment and removes it, or throws; `random` gives numbers from 0 to 1. */
export type SenderOptions = {
  signal: Signal
  writers: Writer[]
  segmentBytes: number
  deliver: (segment: Segment) => Promise<void>
  tell: Tell
  random: () => number
}

/** One does not keep ClickHouse busy: while it merges what came, the next is read. */
const AT_ONCE = 2

export function startSender({ signal, writers, segmentBytes, deliver, tell, random }: SenderOptions): Sender {
  const bell = createBell()
  const queue: Segment[] = []
  const sending = new Set<Segment>()
  let sealing = false
  let failures = 0
  let lastStart = Number.NEGATIVE_INFINITY
  let restUntil = 0
  let state: 'running' | 'finishing' | 'closed' = 'running'

  async function work(): Promise<void> {
    while (state !== 'closed') {
      const oldest = oldestOpen(writers)
      const next = whatIsDue(
        {
          queued: queue.map(({ bytes }) => bytes),
          open: oldest !== undefined,
          sending: sending.size + Number(sealing),
          lastStart,
          restUntil,
          finishing: state === 'finishing',
        },
        segmentBytes,
        performance.now(),
      )
      if (next.due === 'later') await bell.wait(next.ms)
      else if (next.due === 'queued') await send(queue.splice(next.index, 1)[0] as Segment)
      else await seal(oldest as Writer)
    }
  }

  /** The writer puts what it completes into the queue. */
  async function seal(writer: Writer): Promise<void> {
    sealing = true
    await writer.seal().catch(failed)
    sealing = false
  }

  async function send(segment: Segment): Promise<void> {
    sending.add(segment)
    lastStart = performance.now()
    try {
      await deliver(segment)
      failures = 0
    } catch (error) {
      failed(error)
      // Behind the others: what hinders this one need not hinder them.
      queue.push(segment)
    } finally {
      sending.delete(segment)
      bell.ring()
    }
  }

  function failed(error: unknown): void {
    failures += 1
    restUntil = performance.now() + restAfter(failures, random())
    tell({ kind: 'retrying', signal, reason: messageOf(error) })
  }

  function backlog(): Backlog {
    const segments = [...sending, ...queue]
    const open = writers.filter((writer) => writer.openSince() !== null)
    const since = [...segments.map(begunAt), ...open.map((writer) => writer.openSince() as number)]
    return {
      segments: segments.length + open.length,
      bytes: [...segments.map(({ bytes }) => bytes), ...open.map((writer) => writer.openBytes())].reduce(add, 0),
      since: since.length === 0 ? null : Math.min(...since),
    }
  }

  const workers = Promise.all(Array.from({ length: AT_ONCE }, work))

  return {
    enqueue(segment) {
      queue.push(segment)
      bell.ring()
    },
    wake: bell.ring,
    state: backlog,
    async finish(ms) {
      const deadline = performance.now() + ms
      state = 'finishing'
      bell.ring()
      // Where ClickHouse does not take it now, the next process will send it.
      while (backlog().segments > 0 && failures === 0 && performance.now() < deadline) await delay(10)
      state = 'closed'
      bell.ring()
      if (sending.size === 0) await workers
      await Promise.all(writers.map((writer) => writer.seal()))
    },
  }
}

function add(a: number, b: number): number {
  return a + b
}

function oldestOpen(writers: Writer[]): Writer | undefined {
  const since = (writer: Writer) => writer.openSince() ?? Number.POSITIVE_INFINITY
  return writers.filter((writer) => writer.openSince() !== null).sort((a, b) => since(a) - since(b))[0]
}
