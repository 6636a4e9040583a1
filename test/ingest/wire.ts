// Protobuf taken apart and put together again without knowing its messages, by other code than the product's.

import { varint } from '#test/ingest/otlp.ts'

/** `content` is a number's bytes or what is behind a length. */
export type WireField = { number: number; wire: number; content: Buffer }

const LENGTHS: Record<number, number> = { 1: 8, 5: 4 }

/** The fields of a message, null when the bytes are none. */
export function fields(message: Buffer): WireField[] | null {
  const found: WireField[] = []
  let at = 0
  const number = (): number => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]
      if (byte === undefined || shift > 63n) return Number.NaN
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return Number(value)
    }
  }
  while (at < message.length) {
    const tag = number()
    const wire = tag % 8
    let start = at
    let end = at + (LENGTHS[wire] ?? 0)
    if (wire === 0) {
      number()
      end = at
    } else if (wire === 2) {
      const length = number()
      start = at
      end = at + length
    } else if (!(wire in LENGTHS)) return null
    if (!(tag > 7) || !(end <= message.length)) return null
    found.push({ number: Math.floor(tag / 8), wire, content: message.subarray(start, end) })
    at = end
  }
  return found
}

/** The contents of all fields at the end of this path of numbers. */
export function inside(message: Buffer, ...path: number[]): Buffer[] {
  const [first, ...rest] = path
  if (first === undefined) return [message]
  return (fields(message) ?? [])
    .filter(({ number }) => number === first)
    .flatMap(({ content }) => inside(content, ...rest))
}

/** The bytes of a message with these fields. */
export function joined(message: WireField[]): Buffer {
  return Buffer.concat(
    message.flatMap(({ number, wire, content }) => [
      varint(BigInt(number) * 8n + BigInt(wire)),
      ...(wire === 2 ? [varint(content.length)] : []),
      content,
    ]),
  )
}
