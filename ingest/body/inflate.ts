// gzip, within a limit and within the memory there is.

import { constants, createGunzip, gunzipSync } from 'node:zlib'
import { type Assembly, assembly, type Room } from '#ingest/body/assembly.ts'
import { BadInput } from '#model/errors.ts'

/** What is decompressed in one go takes a few milliseconds at most, and a fraction of the CPU that a stream takes. */
const AT_ONCE = 2 ** 20
const CHUNK = 131_072

const DECOMPRESSED = ' decompressed'

/** What is in `body`, or null when that is more than is decompressed in one go. Throws as `inflater`. */
export function inflateSmall(body: Buffer, { maxBytes, memory }: Room): Buffer | null {
  const limit = Math.min(AT_ONCE, maxBytes)
  const stated = statedLength(body)
  if (stated > limit) return null
  try {
    // One byte more than there is, or zlib takes another chunk to see that it has come to the end.
    const chunkSize = Math.max(constants.Z_MIN_CHUNK, stated) + 1
    const inflated = gunzipSync(body, { maxOutputLength: limit, chunkSize })
    memory.take(inflated.buffer.byteLength)
    return inflated
  } catch (error) {
    if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') return null
    throw codeOf(error).startsWith('Z_') ? notGzip(error) : error
  }
}

/** gzip ends with the length of what is in it, or in its last member. A lie costs time, and memory up to the limit. */
function statedLength(body: Buffer): number {
  return body.length < 4 ? 0 : body.readUInt32LE(body.length - 4)
}

/** Decompresses piece by piece, off the main thread. `feed` resolves when the piece is done with. */
export type Inflater = {
  feed(chunk: Buffer): Promise<void>
  finish(): Promise<Buffer>
  length(): number
  close(): void
}

/**
 * `feed` and `finish` throw BadInput when it is not gzip or more than the limit, Unavailable when there is no memory
 * left. Nothing is decompressed beyond the limit.
 */
export function inflater(room: Room): Inflater {
  const inflated: Assembly = assembly(room, null, DECOMPRESSED)
  const gunzip = createGunzip({ chunkSize: CHUNK })
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => {})
  const ended = new Promise<void>((resolve) => gunzip.on('end', resolve))
  gunzip.on('error', (error) => failed.reject(codeOf(error).startsWith('Z_') ? notGzip(error) : error))
  gunzip.on('data', (chunk: Buffer) => {
    try {
      inflated.add(chunk)
    } catch (error) {
      gunzip.destroy(error as Error)
    }
  })

  return {
    feed: (chunk) =>
      Promise.race([failed.promise, ended, new Promise<void>((resolve) => gunzip.write(chunk, () => resolve()))]),
    async finish() {
      gunzip.end()
      await Promise.race([failed.promise, ended])
      return inflated.whole()
    },
    length: inflated.length,
    close: () => gunzip.destroy(),
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function notGzip(error: unknown): BadInput {
  return new BadInput(`the body is not valid gzip: ${(error as Error).message}`, { cause: error })
}
