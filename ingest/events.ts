// What happens in ingest, for whoever counts or reports it.

import type { Signal } from '#storage/signals.ts'

export type IngestEvent =
  /** A request was answered. `bytes` are decompressed; `repeated`: the same body had been accepted before. */
  | {
      kind: 'answered'
      signal: Signal
      status: number
      bytes: number
      items: number
      rejected: number
      repeated: boolean
    }
  /** A segment is stored; `bytes` and `items` of it, `ms` the insert took. */
  | { kind: 'inserted'; signal: Signal; bytes: number; items: number; ms: number }
  /** A segment could not be stored, or not be closed; it will be tried again. */
  | { kind: 'retrying'; signal: Signal; reason: string }
  /** Somebody removed a segment that was not stored yet. */
  | { kind: 'lost'; signal: Signal; bytes: number }
  /** A body that ClickHouse refuses, or that was damaged on disk, was put aside. */
  | { kind: 'quarantined'; signal: Signal; bytes: number; reason: string }

export type Tell = (event: IngestEvent) => void
