// The check of a body before it is accepted, whatever its signal and encoding.

import type { Checked } from '#ingest/check/checking.ts'
import { checkJson } from '#ingest/check/json.ts'
import { checkProtobuf } from '#ingest/check/protobuf.ts'
import type { Encoding, Signal } from '#storage/signals.ts'

const CHECKS: Record<Encoding, (signal: Signal, body: Buffer) => Checked> = { protobuf: checkProtobuf, json: checkJson }

/**
 * What a whole body holds and the bytes to store. `body` is written to: what fits into its own place is replaced there.
 * Throws BadInput when it is not one whole request of this signal.
 */
export function check(signal: Signal, encoding: Encoding, body: Buffer): Checked {
  return CHECKS[encoding](signal, body)
}
