// The body of a request, within its limit before and after decompression.

import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { BadInput } from '#model/errors.ts'
import type { Encoding } from '#storage/spans.ts'

const inflate = promisify(gunzip)

const ENCODINGS: Record<string, Encoding> = { 'application/x-protobuf': 'protobuf', 'application/json': 'json' }

/** The encoding a Content-Type names, whatever its parameters; null when it is none of OTLP's. */
export function encodingOf(contentType: string | null): Encoding | null {
  return ENCODINGS[(contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''] ?? null
}

/** Throws BadInput naming what is allowed, for a Content-Type `encodingOf` does not know. */
export function unsupportedType(contentType: string | null): BadInput {
  const given = contentType === null ? 'there is no Content-Type' : `the Content-Type is '${contentType}'`
  return new BadInput(`${given}; allowed are application/x-protobuf and application/json`, { code: 'unsupported' })
}

/**
 * The decompressed body. Throws BadInput when it is longer than `maxBytes` before or after decompression, compressed in
 * another way than gzip, corrupt, or not sent to its end. No more than `maxBytes` of it are ever held twice.
 */
export async function readBody(request: Request, maxBytes: number): Promise<Buffer> {
  const compression = (request.headers.get('content-encoding') ?? 'identity').trim().toLowerCase()
  if (compression !== 'identity' && compression !== 'gzip') {
    throw new BadInput(`the Content-Encoding is '${compression}'; allowed are gzip and identity`, {
      code: 'unsupported',
    })
  }
  const body = await receive(request, maxBytes).catch((error: unknown) => {
    throw error instanceof BadInput ? error : new BadInput('the body was not sent to its end', { cause: error })
  })
  return compression === 'gzip' ? decompress(body, maxBytes) : body
}

/** The server holds senders to the length they announce; reading that much at once is cheaper than chunk by chunk. */
async function receive(request: Request, maxBytes: number): Promise<Buffer> {
  const announced = request.headers.get('content-length')
  if (announced === null) return receiveChunks(request, maxBytes)
  if (Number(announced) > maxBytes) throw tooLarge(maxBytes)
  return Buffer.from(await request.arrayBuffer())
}

async function receiveChunks(request: Request, maxBytes: number): Promise<Buffer> {
  if (request.body === null) return Buffer.alloc(0)
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = request.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(chunks, length)
    length += value.length
    if (length > maxBytes) throw tooLarge(maxBytes)
    chunks.push(value)
  }
}

async function decompress(body: Buffer, maxBytes: number): Promise<Buffer> {
  try {
    return await inflate(body, { maxOutputLength: maxBytes })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes, ' decompressed')
    throw new BadInput(`the body is not valid gzip: ${(error as Error).message}`, { cause: error })
  }
}

function tooLarge(maxBytes: number, when = ''): BadInput {
  return new BadInput(
    `the body is larger than ${maxBytes} bytes${when}; send less at once or raise the option ingest.maxBodyBytes`,
    { code: 'too_large' },
  )
}
