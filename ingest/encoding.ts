// How a body is written, as its Content-Type says.

import { BadInput } from '#model/errors.ts'
import type { Encoding } from '#storage/signals.ts'

const ENCODINGS: Record<string, Encoding> = { 'application/x-protobuf': 'protobuf', 'application/json': 'json' }

/** The encoding a Content-Type names, whatever its parameters; null when it is none of OTLP's. */
export function encodingOf(contentType = ''): Encoding | null {
  return ENCODINGS[contentType.split(';', 1)[0]?.trim().toLowerCase() ?? ''] ?? null
}

/** Says what is allowed, for a Content-Type `encodingOf` does not know. */
export function unsupportedType(contentType: string | undefined): BadInput {
  const given = contentType === undefined ? 'there is no Content-Type' : `the Content-Type is '${contentType}'`
  return new BadInput(`${given}; allowed are application/x-protobuf and application/json`, { code: 'unsupported' })
}
