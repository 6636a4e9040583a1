// How an accepted body lies in a segment file: a header that can be told from anything else, then the body.
//
//   0 marker   4 checksum of 8…31 (CRC-32)   8 length of the body   12 its items   16 its digest   32 the body
//
// Numbers are unsigned, 32 bits, little-endian. A write that was cut off leaves a prefix, or zeros where the file had
// grown already: whatever else does not fit its checksum or digest was damaged later.

import { crc32 } from 'node:zlib'
import { DIGEST_BYTES, digestOf } from '#ingest/spool/digest.ts'

/** One accepted request: `body` is what is to be stored of it, `items` how many spans, data points or log records. */
export type Accepted = { digest: Buffer; items: number; body: Buffer }

/** What a segment holds, in its order. `at` is a position in the file. */
export type Piece =
  | ({ is: 'record'; at: number } & Accepted)
  | { is: 'damaged'; at: number; bytes: Buffer }
  | { is: 'torn'; at: number }

const MARKER = Buffer.from('CWr1')
const CHECKED_FROM = 8
const DIGEST_AT = 16
export const HEADER_BYTES = DIGEST_AT + DIGEST_BYTES

/** The header that goes before the body. */
export function headerOf({ digest, items, body }: Accepted): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  MARKER.copy(header)
  header.writeUInt32LE(body.length, 8)
  header.writeUInt32LE(items, 12)
  digest.copy(header, DIGEST_AT)
  header.writeUInt32LE(crc32(header.subarray(CHECKED_FROM)), 4)
  return header
}

/** Every piece of a segment. Bodies are parts of `file`, not copies. A torn piece is always the last. */
export function* readPieces(file: Buffer): Generator<Piece> {
  let at = 0
  while (at < file.length) {
    const end = headerAt(file, at) ? endOf(file, at) : null
    if (end !== null && end <= file.length) {
      yield wholeRecord(file, at, end)
      at = end
      continue
    }
    const next = nextRecord(file, at + 1)
    if (next === null && (end !== null || isCutOff(file, at))) {
      yield { is: 'torn', at }
      return
    }
    yield { is: 'damaged', at, bytes: file.subarray(at, next ?? file.length) }
    at = next ?? file.length
  }
}

function wholeRecord(file: Buffer, at: number, end: number): Piece {
  const body = file.subarray(at + HEADER_BYTES, end)
  const digest = file.subarray(at + DIGEST_AT, at + HEADER_BYTES)
  if (!digestOf(body).equals(digest)) return { is: 'damaged', at, bytes: file.subarray(at, end) }
  return { is: 'record', at, digest, items: file.readUInt32LE(at + 12), body }
}

function headerAt(file: Buffer, at: number): boolean {
  return (
    at + HEADER_BYTES <= file.length &&
    file.compare(MARKER, 0, MARKER.length, at, at + MARKER.length) === 0 &&
    crc32(file.subarray(at + CHECKED_FROM, at + HEADER_BYTES)) === file.readUInt32LE(at + 4)
  )
}

function endOf(file: Buffer, at: number): number {
  return at + HEADER_BYTES + file.readUInt32LE(at + 8)
}

/** Where the next whole record begins, which is how one damaged length does not take everything behind it along. */
function nextRecord(file: Buffer, from: number): number | null {
  for (let at = file.indexOf(MARKER, from); at >= 0; at = file.indexOf(MARKER, at + 1)) {
    if (headerAt(file, at) && endOf(file, at) <= file.length) return at
  }
  return null
}

/** Whether from here on there is only the beginning of a header, or zeros. */
function isCutOff(file: Buffer, at: number): boolean {
  const rest = file.subarray(at)
  const isPrefix = rest.length < HEADER_BYTES && rest.subarray(0, 4).equals(MARKER.subarray(0, rest.length))
  return isPrefix || rest.every((byte) => byte === 0)
}
