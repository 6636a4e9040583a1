// What ingest answers, read as an exporter reads it.

import { expect } from 'vitest'
import { PROTOBUF_TYPE } from '#test/e2e/running.ts'

/** The fields of a protobuf message that holds numbers and bytes only. */
export function fieldsOf(body: Buffer): Map<number, number | Buffer> {
  const fields = new Map<number, number | Buffer>()
  let at = 0
  const varint = () => {
    let value = 0
    for (let shift = 1; ; shift *= 128) {
      const byte = body[at++] as number
      value += (byte % 128) * shift
      if (byte < 128) return value
    }
  }
  while (at < body.length) {
    const tag = varint()
    const value = varint()
    fields.set(tag >> 3, tag % 8 === 0 ? value : body.subarray(at, at + value))
    if (tag % 8 !== 0) at += value
  }
  return fields
}

/** The `message` of a google.rpc.Status, with a check that it is in the encoding of the request. */
export async function messageOf(answer: Response, headers: Record<string, string>): Promise<string> {
  const protobuf = headers['content-type'] === PROTOBUF_TYPE['content-type']
  expect(answer.headers.get('content-type')).toBe(protobuf ? 'application/x-protobuf' : 'application/json')
  if (!protobuf) return ((await answer.json()) as { message: string }).message
  return String(fieldsOf(Buffer.from(await answer.arrayBuffer())).get(2))
}
