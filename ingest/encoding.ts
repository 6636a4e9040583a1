// How a body is written, as its Content-Type says.

import { BadInput } from '#model/errors.ts'
import { ENCODINGS, type Encoding } from '#storage/signals.ts'

/** The Content-Type of each encoding. */
export const CONTENT_TYPES: Record<Encoding, string> = { protobuf: 'application/x-protobuf', json: 'application/json' }

/** The encoding a Content-Type names, whatever its parameters; null when it is none of OTLP's. */
export function encodingOf(contentType = ''): Encoding | null {
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase()
  return ENCODINGS.find((encoding) => CONTENT_TYPES[encoding] === type) ?? null
}

/** Says what is allowed, for a Content-Type `encodingOf` does not know. */
export function unsupportedType(contentType: string | undefined): BadInput {
  const given = contentType === undefined ? 'there is no Content-Type' : `the Content-Type is '${contentType}'`
  const allowed = Object.values(CONTENT_TYPES).join(' and ')
  return new BadInput(`${given}; allowed are ${allowed}`, { code: 'unsupported' })
}
