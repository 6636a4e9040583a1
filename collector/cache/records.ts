// What lies in a store: a few facts as JSON and the bytes they are about, with a checksum, because neither a file nor a
// server elsewhere is believed. Pure.

import { crc32 } from 'node:zlib'

/** 'cwc' and the version of the format: a record of another version is none. */
const MAGIC = 0x63_77_63_01
/** Magic, checksum of the rest, length of the facts. */
const PREFIX_BYTES = 12

/** Of its exact size: a slice of a larger buffer would keep all of that in memory. */
export function pack(facts: unknown, ...bodies: readonly Uint8Array[]): Buffer {
  const head = Buffer.from(JSON.stringify(facts))
  const size = bodies.reduce((sum, body) => sum + body.byteLength, PREFIX_BYTES + head.byteLength)
  const record = Buffer.allocUnsafeSlow(size)
  record.writeUInt32BE(MAGIC, 0)
  record.writeUInt32BE(head.byteLength, 8)
  let end = PREFIX_BYTES
  for (const part of [head, ...bodies]) {
    record.set(part, end)
    end += part.byteLength
  }
  record.writeUInt32BE(crc32(record.subarray(8)), 4)
  return record
}

/** Undefined for whatever `pack` did not make, or not so. `body` is a view of `bytes`. */
export function unpack(bytes: Uint8Array): { facts: unknown; body: Buffer } | undefined {
  const record = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (record.byteLength < PREFIX_BYTES || record.readUInt32BE(0) !== MAGIC) return undefined
  if (record.readUInt32BE(4) !== crc32(record.subarray(8))) return undefined
  const end = PREFIX_BYTES + record.readUInt32BE(8)
  try {
    return { facts: JSON.parse(record.toString('utf8', PREFIX_BYTES, end)), body: record.subarray(end) }
  } catch {
    return undefined
  }
}
