// What the checkers of both encodings share: a place in the body, the refusal of the whole, the count of its spans.

import { BadInput } from '#model/errors.ts'

/** Spans seen, how many of them cannot be stored, and what the sender should know (why, or a warning). */
export type Checked = { spans: number; rejected: number; reason: string | null }

/** Moved through the body by a checker. There is one for a body and nothing for a span, so checking leaves no garbage. */
export type Cursor = {
  readonly bytes: Buffer
  at: number
  /** Names of the fields around `at`; the first `level` of them count. */
  readonly path: { name: string }[]
  level: number
  spans: number
  rejected: number
  /** Where the first rejected span began. */
  firstRejected: number
  hasTraceId: boolean
  hasSpanId: boolean
}

export function cursorAt(bytes: Buffer): Cursor {
  return {
    bytes,
    at: 0,
    path: [],
    level: 0,
    spans: 0,
    rejected: 0,
    firstRejected: -1,
    hasTraceId: false,
    hasSpanId: false,
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
  cursor.spans += 1
  if (cursor.hasTraceId && cursor.hasSpanId) return
  cursor.rejected += 1
  if (cursor.firstRejected < 0) cursor.firstRejected = start
}

export function checked({ spans, rejected, firstRejected }: Cursor, warning: string | null = null): Checked {
  if (rejected === 0) return { spans, rejected, reason: warning }
  const reason =
    `${rejected} of ${spans} spans were not stored (the first at byte ${firstRejected}): ` +
    'a trace id has 16 bytes (32 hex digits in JSON), a span id 8 (16 digits), and not all of them are zero'
  return { spans, rejected, reason: warning === null ? reason : `${reason}; ${warning}` }
}
