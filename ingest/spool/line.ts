// One signal in the spool: its bodies are written by encoding, known by their digests, and sent by one sender.

import type { Tell } from '#ingest/events.ts'
import type { Digests } from '#ingest/spool/digests.ts'
import type { Segment } from '#ingest/spool/folder.ts'
import type { Accepted } from '#ingest/spool/record.ts'
import { type Backlog, startSender } from '#ingest/spool/sender.ts'
import type { Stage } from '#ingest/spool/stage.ts'
import { type Arriving, createWriter, type Writer } from '#ingest/spool/writer.ts'
import { ENCODINGS, type Encoding, type Signal } from '#storage/signals.ts'

export type Line = {
  /** Null: never seen. A promise: resolves when the same body, sent before, is on disk; rejects as `write` does. */
  find(encoding: Encoding, accepted: Accepted): Promise<void> | null
  /** Resolves when the body is on disk. Throws Unavailable when it cannot be written. */
  write(encoding: Encoding, accepted: Arriving): Promise<void>
  /** Takes over a segment that an earlier process left. */
  enqueue(segment: Segment): void
  state(): Backlog
  /** Stores what it can in `ms`, and then nothing more. */
  finish(ms: number): Promise<void>
}

export type LineOptions = {
  folder: string
  segmentBytes: number
  digests: Record<Encoding, Digests>
  deliver: (segment: Segment) => Promise<void>
  tell: Tell
  now: () => number
  random: () => number
  stage: Stage
}

export function startLine(signal: Signal, options: LineOptions): Line {
  const { digests, deliver, tell, random } = options
  const onComplete = (segment: Segment) => sender.enqueue(segment)
  const writers = each(ENCODINGS, (encoding): Writer => createWriter({ ...options, signal, encoding, onComplete }))
  const sender = startSender({ signal, writers: Object.values(writers), deliver, tell, random })
  return {
    find(encoding, { digest }) {
      const seen = digests[encoding].find(digest)
      return seen === 'known' ? Promise.resolve() : seen
    },
    async write(encoding, accepted) {
      const written = writers[encoding].append(accepted)
      digests[encoding].add(accepted.digest, written)
      await written
      sender.wake()
    },
    enqueue: sender.enqueue,
    state: sender.state,
    finish: sender.finish,
  }
}

export function each<Key extends string, Value>(keys: readonly Key[], make: (key: Key) => Value): Record<Key, Value> {
  return Object.fromEntries(keys.map((key) => [key, make(key)])) as Record<Key, Value>
}
