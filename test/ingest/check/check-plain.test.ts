// Attributes in their usual form are checked by code of their own. Inside a map there is no such short cut, so the same
// bytes in both places must get the same verdict.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { check } from '#ingest/check/check.ts'
import { BadInput } from '#model/errors.ts'
import type { Encoding } from '#storage/signals.ts'
import { mutate, random } from '#test/ingest/mutate.ts'
import { bytes, keyValues, keyValuesJson, type Value } from '#test/ingest/otlp.ts'

function accepts(encoding: Encoding, body: Buffer): boolean {
  try {
    check('logs', encoding, body)
    return true
  } catch (error) {
    expect(error).toBeInstanceOf(BadInput)
    return false
  }
}

/** A request with this attribute, as bytes of a KeyValue or as JSON: of the record, and in a map that is the body. */
const PLACES = {
  protobuf: {
    attribute: (content: Buffer) => bytes(1, bytes(2, bytes(2, bytes(6, content)))),
    inMap: (content: Buffer) => bytes(1, bytes(2, bytes(2, bytes(5, bytes(6, bytes(1, content)))))),
  },
  json: {
    attribute: (text: Buffer) => jsonRecord(`"attributes":[${text.toString('latin1')}]`),
    inMap: (text: Buffer) => jsonRecord(`"body":{"kvlistValue":{"values":[${text.toString('latin1')}]}}`),
  },
}

function jsonRecord(members: string): Buffer {
  return Buffer.from(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{${members}}]}]}]}`, 'latin1')
}

function written(encoding: Encoding, key: string, value: Value): Buffer {
  if (encoding === 'json') return Buffer.from(JSON.stringify(keyValuesJson({ [key]: value })[0]))
  return Buffer.concat(keyValues(1, { [key]: value })).subarray(2)
}

const values: fc.Arbitrary<Value> = fc.oneof(
  fc.string({ maxLength: 140 }),
  fc.boolean(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.double(),
  fc.uint8Array({ maxLength: 3 }).map((some) => Buffer.from(some)),
)

for (const encoding of ['protobuf', 'json'] as const) {
  test(`judges an attribute in ${encoding} as it does one in a map, whatever was done to it`, () => {
    const { attribute, inMap } = PLACES[encoding]
    const any = fc.record({ key: fc.string({ maxLength: 8 }), value: values, seed: fc.nat(), hurt: fc.boolean() })
    let good = 0
    fc.assert(
      fc.property(any, ({ key, value, seed, hurt }) => {
        const whole = written(encoding, key, value)
        const content = hurt ? mutate(encoding, whole, whole, random(seed)) : whole
        const verdict = accepts(encoding, attribute(content))
        if (verdict) good += 1
        expect(accepts(encoding, inMap(content))).toBe(verdict)
        if (!hurt) expect(verdict).toBe(true)
      }),
      { numRuns: 3_000 },
    )
    expect(good).toBeGreaterThan(1_000)
  })
}
