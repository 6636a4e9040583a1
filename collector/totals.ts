// What a cycle adds up to: design.md section 6, the totals on the root span. Pure but for the records it is given.

import { CYCLE } from '#model/attributes.ts'

export type Totals = {
  /** Request attempts, redirect hops and retries among them. */
  calls: number
  /** Those calls that repeated an earlier one because it failed. */
  retries: number
  queries: number
  dbMs: number
  waitMs: number
  cacheHits: number
  cacheMisses: number
  /** Bytes of bodies as they crossed the wire, without headers. */
  bytesReceived: number
  bytesSent: number
}

export function noTotals(): Totals {
  return {
    calls: 0,
    retries: 0,
    queries: 0,
    dbMs: 0,
    waitMs: 0,
    cacheHits: 0,
    cacheMisses: 0,
    bytesReceived: 0,
    bytesSent: 0,
  }
}

export function totalAttributes(totals: Totals): Record<string, number> {
  return {
    [CYCLE.calls]: totals.calls,
    [CYCLE.retries]: totals.retries,
    [CYCLE.queries]: totals.queries,
    [CYCLE.dbMs]: milliseconds(totals.dbMs),
    [CYCLE.waitMs]: milliseconds(totals.waitMs),
    [CYCLE.cacheHits]: totals.cacheHits,
    [CYCLE.cacheMisses]: totals.cacheMisses,
    [CYCLE.bytesReceived]: totals.bytesReceived,
    [CYCLE.bytesSent]: totals.bytesSent,
  }
}

/** To the microsecond, as every duration we write. */
export function milliseconds(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}
