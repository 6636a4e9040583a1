// Bodies as the server meant them: undoes `content-encoding`.

import { promisify } from 'node:util'
import * as zlib from 'node:zlib'

const gunzip = promisify(zlib.gunzip)
const inflate = promisify(zlib.inflate)
const inflateRaw = promisify(zlib.inflateRaw)
const brotli = promisify(zlib.brotliDecompress)
const zstd = promisify(zlib.zstdDecompress)

type Decoder = (body: Buffer, maxOutputLength: number) => Promise<Buffer>

const DECODERS: Record<string, Decoder> = {
  gzip: (body, maxOutputLength) => gunzip(body, { maxOutputLength }),
  'x-gzip': (body, maxOutputLength) => gunzip(body, { maxOutputLength }),
  // "deflate" means zlib, and some servers send it raw; the low half of the first byte tells.
  deflate(body, maxOutputLength) {
    const undo = ((body[0] ?? 0) & 0x0f) === 0x08 ? inflate : inflateRaw
    return undo(body, { maxOutputLength })
  },
  br: (body, maxOutputLength) => brotli(body, { maxOutputLength }),
  zstd: (body, maxOutputLength) => zstd(body, { maxOutputLength }),
}

/** What run.fetch offers to servers. */
export const ACCEPTED_ENCODINGS = 'zstd, br, gzip, deflate'

/** Whether `decode` would change a body of this encoding; an unknown one is left as it is, as fetch leaves it. */
export function isEncoded(encoding: string | undefined, body: Buffer): boolean {
  return body.length > 0 && decodersOf(encoding) !== undefined
}

/** Rejects with zlib's error when the body is not what its header says, or becomes larger than `maxBytes`. */
export async function decode(encoding: string | undefined, body: Buffer, maxBytes: number): Promise<Buffer> {
  let plain = body
  for (const undo of decodersOf(encoding) ?? []) plain = await undo(plain, maxBytes)
  return plain
}

/** The last encoding applied is the first to undo. */
function decodersOf(encoding: string | undefined): Decoder[] | undefined {
  if (!encoding) return undefined
  const decoders = encoding
    .toLowerCase()
    .split(',')
    .map((name) => DECODERS[name.trim()])
  return decoders.every((decoder) => decoder !== undefined) ? decoders.reverse() : undefined
}
