// Chunks become one buffer, within a limit and within the memory there is.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { LARGEST, SMALLEST } from '#ingest/body/buffers.ts'
import type { Hold } from '#ingest/body/memory.ts'
import { BadInput } from '#model/errors.ts'

export type Room = { maxBytes: number; memory: Hold }

/**
 * `add` throws BadInput `too_large` beyond the limit; both throw Unavailable when there is no memory left. After `whole`
 * nothing can be added.
 */
export type Assembly = { add(chunk: Buffer): void; length(): number; whole(): Buffer | Promise<Buffer> }

/** Up to here an announced length is believed; beyond, only once this much of it has come. */
const BELIEVED = 2 ** 20

/** `expected` is the announced length, if any. `when` completes the message about a body that is too large. */
export function assembly({ maxBytes, memory }: Room, expected: number | null, when = ''): Assembly {
  let segments: Buffer[] = []
  let capacity = 0
  let length = 0

  function extend(): void {
    const [first] = segments
    const announced = first !== undefined && segments.length === 1 && expected !== null && expected > capacity
    if (announced) segments = [moved(first, expected, memory)]
    else segments.push(memory.buffer(segmentSize(capacity, expected)))
    capacity = segments.reduce((total, segment) => total + segment.length, 0)
  }

  function fill(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0; ) {
      if (length === capacity) extend()
      const last = segments.at(-1) as Buffer
      const copied = rest.copy(last, last.length - (capacity - length))
      length += copied
      rest = rest.subarray(copied)
    }
  }

  return {
    add(chunk) {
      if (length + chunk.length > maxBytes) throw tooLarge(maxBytes, when)
      if (length > 0 || chunk.length !== expected) return fill(chunk)
      memory.take(chunk.length)
      segments = [chunk]
      length = capacity = chunk.length
    },
    length: () => length,
    whole() {
      const [first = Buffer.alloc(0)] = segments
      return segments.length > 1 ? joined(segments, length, memory) : first.subarray(0, length)
    },
  }
}

function segmentSize(capacity: number, expected: number | null): number {
  if (capacity === 0 && expected !== null) return Math.min(BELIEVED, expected)
  return Math.min(LARGEST, Math.max(SMALLEST, capacity))
}

function moved(from: Buffer, length: number, memory: Hold): Buffer {
  const larger = memory.buffer(length)
  from.copy(larger)
  memory.free(from)
  return larger
}

/** Copies without holding up everybody else. */
async function joined(segments: Buffer[], length: number, memory: Hold): Promise<Buffer> {
  const whole = memory.buffer(length)
  let at = 0
  for (const segment of segments) {
    segment.copy(whole, at, 0, Math.min(segment.length, length - at))
    at += segment.length
    memory.free(segment)
    if (segment.length === LARGEST) await nextTurn()
  }
  return whole.subarray(0, length)
}

export function tooLarge(maxBytes: number, when = ''): BadInput {
  return new BadInput(
    `the body is larger than ${maxBytes} bytes${when}; send less at once or raise the option ingest.maxBodyBytes`,
    { code: 'too_large' },
  )
}
