// Replacing parts of a body: what a checker wants changed is noted on the way, and copied together at the end.

/** The bytes from `start` up to `stop` become `put`. */
export type Edit = { start: number; stop: number; put: Buffer }

/** The body with these edits, which follow one another and make it longer by `grown` bytes. */
export function edited(body: Buffer, edits: Edit[], grown: number): Buffer {
  const copy = Buffer.allocUnsafe(body.length + grown)
  let to = 0
  let from = 0
  for (const { start, stop, put } of edits) {
    to += body.copy(copy, to, from, start)
    copy.set(put, to)
    to += put.length
    from = stop
  }
  body.copy(copy, to, from)
  return copy
}
