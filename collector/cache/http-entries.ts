// Answers as a store keeps them: all variants of one address (by `Vary`) in one record, the newest first. Pure.

import { isMoment, type Moment } from '#collector/cache/ages.ts'
import { pack, unpack } from '#collector/cache/records.ts'
import type { Kept, PlainHeaders } from '#collector/cache/rfc9111.ts'

/** `at` is when the answer was as old as 0, so its `Age` and the time it took to come are counted. */
export type HttpEntry = { status: number; headers: PlainHeaders; kept: Kept; keepMs: number; at: Moment; body: Buffer }

/** An upstream that varies by a header of many values must not make one record of a whole data set. */
const MOST_VARIANTS = 16

type Facts = Omit<HttpEntry, 'body'> & { size: number }

export function packEntries(entries: readonly HttpEntry[]): Buffer {
  const facts = entries.map(({ body, ...rest }): Facts => ({ ...rest, size: body.byteLength }))
  return pack(facts, ...entries.map(({ body }) => body))
}

/** None for what is no record of answers. Bodies are views of `bytes`. */
export function unpackEntries(bytes: Uint8Array): HttpEntry[] {
  const record = unpack(bytes)
  if (!record || !Array.isArray(record.facts)) return []
  const entries: HttpEntry[] = []
  let end = 0
  for (const { size, ...rest } of record.facts as Facts[]) {
    if (!Number.isSafeInteger(size) || !isMoment(rest.at) || end + size > record.body.byteLength) return []
    entries.push({ ...rest, body: record.body.subarray(end, end + size) })
    end += size
  }
  return entries
}

/** The one for a request with these headers. */
export function variantFor(
  entries: readonly HttpEntry[],
  headers: Readonly<Record<string, string>>,
): HttpEntry | undefined {
  return entries.find(({ kept: { vary } }) =>
    Object.entries(vary ?? {}).every(([name, value]) => (headers[name] ?? null) === value),
  )
}

/** An answer that does not vary is the answer to all; others stand beside it. */
export function withVariant(entries: readonly HttpEntry[], entry: HttpEntry): HttpEntry[] {
  const { vary } = entry.kept
  if (!vary) return [entry]
  const others = entries.filter(({ kept }) => kept.vary && JSON.stringify(kept.vary) !== JSON.stringify(vary))
  return [entry, ...others].slice(0, MOST_VARIANTS)
}

/** What a 304 says goes for the stored answer (RFC 9111, 3.2), but not what describes a body. */
const OF_THE_BODY = new Set([
  'content-length',
  'content-encoding',
  'content-type',
  'content-range',
  'transfer-encoding',
])

export function freshened(stored: PlainHeaders, notModified: PlainHeaders): PlainHeaders {
  // Without a date of its own, the 304 is as old as its arrival, not as the body.
  const { date: _, ...headers } = stored
  for (const [name, value] of Object.entries(notModified)) if (!OF_THE_BODY.has(name)) headers[name] = value
  return headers
}

/** Whether a 304 speaks of the stored answer; one without a tag does. */
export function isAbout(entry: HttpEntry, { etag }: PlainHeaders): boolean {
  const weak = (tag: string | undefined) => tag?.replace(/^W\//, '')
  return typeof etag !== 'string' || weak(etag) === weak(entry.kept.etag)
}
