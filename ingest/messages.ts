// The messages of an OTLP answer. They are small and flat, so their protobuf is written by hand.

import type { Encoding, Signal } from '#storage/signals.ts'
import { varint } from './check/protobuf-wire.ts'

/** google.rpc.Status: `code` is one of gRPC's. */
export type Status = { code: number; message: string }

/** How many items of the request were not stored, and why; 0 and a message is a warning. */
export type PartialSuccess = { rejected: number; errorMessage: string }

/** What each signal calls them in JSON. */
const REJECTED: Record<Signal, string> = {
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
  logs: 'rejectedLogRecords',
}

const encoder = new TextEncoder()

export function statusMessage({ code, message }: Status, encoding: Encoding): Uint8Array {
  if (encoding === 'json') return encoder.encode(JSON.stringify({ code, message }))
  return new Uint8Array([...numberField(1, code), ...bytesField(2, encoder.encode(message))])
}

/** The response of the signal's export service; without `partial` everything was stored. */
export function successMessage(signal: Signal, partial: PartialSuccess | null, encoding: Encoding): Uint8Array {
  if (encoding === 'json') return encoder.encode(JSON.stringify(partial === null ? {} : json(signal, partial)))
  if (partial === null) return new Uint8Array()
  const fields = [...numberField(1, partial.rejected), ...bytesField(2, encoder.encode(partial.errorMessage))]
  return new Uint8Array(bytesField(1, fields))
}

// 64-bit integers are text in protobuf's JSON.
function json(signal: Signal, { rejected, errorMessage }: PartialSuccess): object {
  return { partialSuccess: { [REJECTED[signal]]: String(rejected), errorMessage } }
}

function numberField(field: number, value: number): number[] {
  return value === 0 ? [] : [field << 3, ...varint(value)]
}

function bytesField(field: number, content: ArrayLike<number>): number[] {
  return content.length === 0 ? [] : [(field << 3) | 2, ...varint(content.length), ...Array.from(content)]
}
