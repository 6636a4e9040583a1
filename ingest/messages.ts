// The messages of an OTLP answer. They are small and flat, so their protobuf is written by hand.

import type { Encoding } from '#storage/spans.ts'

/** google.rpc.Status: `code` is one of gRPC's. */
export type Status = { code: number; message: string }

/** What of the request was not stored, and why; 0 and a message is a warning. */
export type PartialSuccess = { rejectedSpans: number; errorMessage: string }

const encoder = new TextEncoder()

export function statusMessage({ code, message }: Status, encoding: Encoding): Uint8Array {
  if (encoding === 'json') return encoder.encode(JSON.stringify({ code, message }))
  return new Uint8Array([...numberField(1, code), ...bytesField(2, encoder.encode(message))])
}

/** ExportTraceServiceResponse; without `partial` everything was stored. */
export function successMessage(partial: PartialSuccess | null, encoding: Encoding): Uint8Array {
  if (encoding === 'json')
    return encoder.encode(JSON.stringify(partial === null ? {} : { partialSuccess: json(partial) }))
  if (partial === null) return new Uint8Array()
  const fields = [...numberField(1, partial.rejectedSpans), ...bytesField(2, encoder.encode(partial.errorMessage))]
  return new Uint8Array(bytesField(1, fields))
}

// 64-bit integers are text in protobuf's JSON.
function json({ rejectedSpans, errorMessage }: PartialSuccess): { rejectedSpans: string; errorMessage: string } {
  return { rejectedSpans: String(rejectedSpans), errorMessage }
}

function numberField(field: number, value: number): number[] {
  return value === 0 ? [] : [field << 3, ...varint(value)]
}

function bytesField(field: number, content: ArrayLike<number>): number[] {
  return content.length === 0 ? [] : [(field << 3) | 2, ...varint(content.length), ...Array.from(content)]
}

/** Of a whole number below 2^53. */
function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))]
}
