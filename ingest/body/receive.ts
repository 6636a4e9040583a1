// The body of a request, read from node's stream: web streams would cost more CPU than the whole rest of the gateway.

import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { type Assembly, assembly, type Room, tooLarge } from '#ingest/body/assembly.ts'
import { type Inflater, inflater, inflateSmall } from '#ingest/body/inflate.ts'
import { BadInput } from '#model/errors.ts'

export type Incoming = Readable & Pick<IncomingMessage, 'headers'>

/**
 * `spent` hears once of every body that was begun to be read, refused or not, how many bytes were read or decompressed,
 * whichever are more.
 */
export type Limits = Room & { spent?: (bytes: number) => void }

/** As much compressed is kept until its end is seen, to be decompressed in one go. */
const SMALL = 131_072

/**
 * The decompressed body, good until `memory` is disposed of. Throws BadInput when it is longer than `maxBytes`
 * before or after decompression, compressed in another way than gzip, corrupt, or not sent to its end; Unavailable when
 * there is no memory for it. What is left of a refused body is thrown away as it comes, so that the answer is read.
 */
export async function receiveBody(incoming: Incoming, limits: Limits): Promise<Buffer> {
  const compressed = isCompressed(incoming.headers['content-encoding'])
  const announced = announcedLength(incoming)
  if (announced !== null && announced > limits.maxBytes) throw tooLarge(limits.maxBytes)
  const reading = compressed ? readGzip(limits, announced) : readPlain(limits, announced)
  try {
    await eachChunk(incoming, reading.add)
    return await reading.whole()
  } finally {
    reading.close()
    incoming.resume()
    limits.spent?.(reading.length())
  }
}

/** The Content-Length, or null. */
function announcedLength({ headers }: Incoming): number | null {
  const length = headers['content-length']
  return length === undefined ? null : Number(length)
}

function isCompressed(encoding = 'identity'): boolean {
  const compression = encoding.trim().toLowerCase()
  if (compression === 'gzip') return true
  if (compression === 'identity') return false
  throw new BadInput(`the Content-Encoding is '${compression}'; allowed are gzip and identity`, { code: 'unsupported' })
}

type Reading = {
  /** A promise when the next chunk has to wait. */
  add(chunk: Buffer): Promise<void> | undefined
  whole(): Buffer | Promise<Buffer>
  length(): number
  close(): void
}

function readPlain(limits: Limits, announced: number | null): Reading {
  const body: Assembly = assembly(limits, announced)
  return {
    add: (chunk) => void body.add(chunk),
    whole: body.whole,
    length: body.length,
    close: () => {},
  }
}

function readGzip(limits: Limits, announced: number | null): Reading {
  const head = assembly(limits, announced)
  let received = 0
  let inflatedAtOnce = 0
  let stream: Inflater | null = null

  async function streamed(begun: Buffer | Promise<Buffer>): Promise<Inflater> {
    stream = inflater(limits)
    await stream.feed(await begun)
    return stream
  }

  return {
    add(chunk) {
      received += chunk.length
      if (received > limits.maxBytes) throw tooLarge(limits.maxBytes)
      if (stream) return stream.feed(chunk)
      if (Math.max(received, announced ?? 0) > SMALL)
        return streamed(head.whole()).then((inflating) => inflating.feed(chunk))
      return void head.add(chunk)
    },
    async whole() {
      if (stream) return stream.finish()
      const packed = await head.whole()
      const inflated = inflateSmall(packed, limits)
      if (inflated === null) return (await streamed(packed)).finish()
      inflatedAtOnce = inflated.length
      return inflated
    },
    length: () => Math.max(received, inflatedAtOnce, stream?.length() ?? 0),
    close: () => stream?.close(),
  }
}

function eachChunk(incoming: Incoming, add: Reading['add']): Promise<void> {
  return new Promise((resolve, reject) => {
    function end(settle: () => void): void {
      incoming.off('data', onData).off('end', onEnd).off('error', onLost).off('close', onLost)
      settle()
    }
    const fail = (error: unknown) => end(() => reject(error))
    const onEnd = () => end(resolve)
    const onLost = (cause?: Error) => fail(new BadInput('the body was not sent to its end', { cause }))
    function onData(chunk: Buffer): void {
      try {
        const wait = add(chunk)
        if (!wait) return
        incoming.pause()
        wait.then(() => incoming.resume(), fail)
      } catch (error) {
        fail(error)
      }
    }
    incoming.on('data', onData).on('end', onEnd).on('error', onLost).on('close', onLost)
    if (incoming.destroyed) onLost()
  })
}
