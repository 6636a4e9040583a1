// What the checkers of both encodings share: a place in the body, the refusal of the whole, and what is found on the way.

import { type Edit, edited } from '#ingest/check/edits.ts'
import { BadInput } from '#model/errors.ts'

/** The attribute of a resource that says whose it is. */
export const SERVICE_NAME = 'service.name'

/** Of `services`; a body with as many may have more. */
export const MAX_SERVICES = 100

/** What a body holds, and what of it can be stored. */
export type Checked = {
  /** Spans, data points or log records. */
  items: number
  /** How many of them cannot be stored. */
  rejected: number
  /** The days on which they start and end, in days since 1970, each once. */
  days: number[]
  /** What the sender should know: why not, or a warning. */
  reason: string | null
  /** The service names of its resources, each once, as they will be stored; '' when a resource has none. */
  services: string[]
  /** The bytes to store: lists and maps in them have become JSON. The sent ones, or a copy where that did not fit in place. */
  body: Buffer
}

/** Moved through the body by a checker. There is one for a body and nothing for a span, so checking leaves no garbage. */
export type Cursor = {
  readonly bytes: Buffer
  at: number
  /** Names of the fields around `at`; the first `level` of them count. */
  readonly path: { name: string }[]
  level: number
  items: number
  rejected: number
  /** Where the first rejected span began. */
  firstRejected: number
  hasTraceId: boolean
  hasSpanId: boolean
  /** Of the resource around `at`, or of the last one. */
  service: string
  readonly services: Set<string>
  readonly days: Set<number>
  lastDay: number
  readonly edits: Edit[]
  /** How much longer the body is after its edits. */
  grown: number
}

export function cursorAt(bytes: Buffer): Cursor {
  return {
    bytes,
    at: 0,
    path: [],
    level: 0,
    items: 0,
    rejected: 0,
    firstRejected: -1,
    hasTraceId: false,
    hasSpanId: false,
    service: '',
    services: new Set(),
    days: new Set(),
    lastDay: -1,
    edits: [],
    grown: 0,
  }
}

/** Refuses the whole body. `at` is the byte the reason is about. */
export function refuse(cursor: Cursor, reason: string, at: number = cursor.at): never {
  const where = cursor.path
    .slice(0, cursor.level)
    .map(({ name }) => name)
    .join('.')
  throw new BadInput(`${where || 'the body'} ${reason} (at byte ${at})`)
}

/** To be called before a span's fields are read. */
export function beginSpan(cursor: Cursor): void {
  cursor.hasTraceId = false
  cursor.hasSpanId = false
}

/** To be called after them; `start` is where the span began. The views in storage/ drop the same spans. */
export function endSpan(cursor: Cursor, start: number): void {
  cursor.items += 1
  if (cursor.hasTraceId && cursor.hasSpanId) return
  cursor.rejected += 1
  if (cursor.firstRejected < 0) cursor.firstRejected = start
}

/** Rows are kept by day. Broken clocks would make as many parts of a body, and ClickHouse does not bear that. */
const MAX_DAYS = 366

/** To be called with the times of an item, in seconds since 1970. */
export function noteDay(cursor: Cursor, seconds: number): void {
  const day = Math.floor(seconds / 86_400)
  if (day === cursor.lastDay) return
  cursor.lastDay = day
  cursor.days.add(day)
  if (cursor.days.size > MAX_DAYS)
    refuse(cursor, `is on another day than ${MAX_DAYS} before it; send fewer days at once`)
}

/** To be called before a resource and what it sent is read. */
export function beginSender(cursor: Cursor): void {
  cursor.service = ''
}

/** To be called after it. */
export function endSender({ services, service }: Cursor): void {
  if (services.size < MAX_SERVICES) services.add(service)
}

// What follows is bounded, or a small body would take much memory: by escapes a text becomes six times as long, and a
// note takes more than the few bytes it is about. No honest sender comes near: the Collector takes 4 MiB in all.
const MAX_TREE = 4 * 2 ** 20
const SPARE = 2 ** 20
const MAX_EDITS = 1_000_000

/** To be called before the list or map of this many bytes is written as JSON. */
export function limitTree(cursor: Cursor, length: number): void {
  if (length > MAX_TREE) refuse(cursor, `is longer than the ${MAX_TREE} bytes a list or a map may have`)
}

/**
 * Notes that the bytes from `start` up to `stop` are to be replaced. `index` is the edit's place among the others, which
 * are in the order of the body.
 */
export function edit(cursor: Cursor, start: number, stop: number, put: Buffer, index = cursor.edits.length): void {
  cursor.edits.splice(index, 0, { start, stop, put })
  cursor.grown += put.length - (stop - start)
  if (cursor.grown > cursor.bytes.length + SPARE || cursor.edits.length > MAX_EDITS) {
    refuse(
      cursor,
      'is too much: lists and maps are stored as JSON, and those of the body are too many or too long',
      start,
    )
  }
}

export function checked(cursor: Cursor, warning: string | null = null): Checked {
  const { bytes, items, rejected, days, services, edits, grown } = cursor
  const reasons = [rejected > 0 ? rejection(cursor) : null, warning].filter((reason) => reason !== null)
  return {
    items,
    rejected,
    days: [...days],
    reason: reasons.length > 0 ? reasons.join('; ') : null,
    services: [...services],
    body: edits.length > 0 ? edited(bytes, edits, grown) : bytes,
  }
}

function rejection({ items, rejected, firstRejected }: Cursor): string {
  return (
    `${rejected} of ${items} spans were not stored (the first at byte ${firstRejected}): ` +
    'a trace id has 16 bytes (32 hex digits in JSON), a span id 8 (16 digits), and not all of them are zero'
  )
}
