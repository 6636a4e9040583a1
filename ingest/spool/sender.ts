// Segments of one signal on their way into ClickHouse, each with the same token again until it is stored.

import { setTimeout as delay } from 'node:timers/promises'
import type { Tell } from '#ingest/events.ts'
import { type Bell, createBell } from '#ingest/spool/bell.ts'
import { begunAt, type Segment } from '#ingest/spool/folder.ts'
import { restAfter, type Situation, whatIsDue } from '#ingest/spool/pace.ts'
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
  deliver: (segment: Segment) => Promise<void>
  tell: Tell
  random: () => number
}

/** One does not keep ClickHouse busy: while it merges what came, the next is read. */
const AT_ONCE = 2

type Sending = SenderOptions & {
  bell: Bell
  queue: Segment[]
  sending: Set<Segment>
  sealing: boolean
  failed: Set<Segment>
  retried: boolean
  failures: number
  lastStart: number
  restUntil: number
  state: 'running' | 'finishing' | 'closed'
}

export function startSender(options: SenderOptions): Sender {
  const line: Sending = {
    ...options,
    bell: createBell(),
    queue: [],
    sending: new Set(),
    sealing: false,
    failed: new Set(),
    retried: false,
    failures: 0,
    lastStart: Number.NEGATIVE_INFINITY,
    restUntil: 0,
    state: 'running',
  }
  const workers = Promise.all(Array.from({ length: AT_ONCE }, () => work(line)))
  return {
    enqueue(segment) {
      line.queue.push(segment)
      line.bell.ring()
    },
    wake: line.bell.ring,
    state: () => backlog(line),
    async finish(ms) {
      await drain(line, performance.now() + ms)
      line.state = 'closed'
      line.bell.ring()
      if (line.sending.size === 0) await workers
      await Promise.all(line.writers.map((writer) => writer.seal()))
    },
  }
}

async function work(line: Sending): Promise<void> {
  const { bell, queue } = line
  while (line.state !== 'closed') {
    const writer = oldestOpen(line.writers)
    const next = whatIsDue(situation(line, writer !== undefined), performance.now())
    if (next.due === 'later') await bell.wait(next.ms)
    else if (next.due === 'queued') await send(line, queue.splice(next.index, 1)[0] as Segment)
    else await seal(line, writer as Writer)
  }
}

function situation(line: Sending, open: boolean): Situation {
  const { signal, queue, failed, retried, sending, sealing, lastStart, restUntil, state } = line
  return {
    signal,
    queued: queue.map((segment) => (failed.has(segment) ? 'failed' : segment.full ? 'full' : 'small')),
    open,
    retried,
    sending: sending.size + Number(sealing),
    lastStart,
    restUntil,
    finishing: state === 'finishing',
  }
}

/** The writer puts what it completes into the queue. */
async function seal(line: Sending, writer: Writer): Promise<void> {
  line.sealing = true
  await writer.seal().catch((error: unknown) => noteFailure(line, error))
  line.sealing = false
}

async function send(line: Sending, segment: Segment): Promise<void> {
  line.sending.add(segment)
  line.lastStart = performance.now()
  line.retried = line.failed.has(segment)
  try {
    await line.deliver(segment)
    line.failures = 0
    line.failed.clear()
  } catch (error) {
    noteFailure(line, error)
    line.failed.add(segment)
    line.queue.push(segment)
  } finally {
    line.sending.delete(segment)
    line.bell.ring()
  }
}

function noteFailure(line: Sending, error: unknown): void {
  line.failures += 1
  line.restUntil = performance.now() + restAfter(line.failures, line.random())
  line.tell({ kind: 'retrying', signal: line.signal, reason: messageOf(error) })
}

/** Sends without a pace. What ClickHouse does not take now the next process will send. */
async function drain(line: Sending, deadline: number): Promise<void> {
  line.state = 'finishing'
  line.bell.ring()
  while (backlog(line).segments > 0 && line.failures === 0 && performance.now() < deadline) await delay(10)
}

function backlog({ sending, queue, writers }: Sending): Backlog {
  const segments = [...sending, ...queue]
  const open = writers.filter((writer) => writer.openSince() !== null)
  const since = [...segments.map(begunAt), ...open.map((writer) => writer.openSince() as number)]
  const bytes = [...segments.map((segment) => segment.bytes), ...open.map((writer) => writer.openBytes())]
  return {
    segments: segments.length + open.length,
    bytes: bytes.reduce((sum, some) => sum + some, 0),
    since: since.length === 0 ? null : Math.min(...since),
  }
}

function oldestOpen(writers: Writer[]): Writer | undefined {
  const since = (writer: Writer) => writer.openSince() ?? Number.POSITIVE_INFINITY
  return writers.filter((writer) => writer.openSince() !== null).sort((a, b) => since(a) - since(b))[0]
}
