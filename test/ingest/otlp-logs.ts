// Bodies of POST /v1/logs for tests: one description, both encodings.

import fc from 'fast-check'
import {
  type Attributes,
  anyValue,
  anyValueJson,
  attributes,
  bytes,
  fixed32,
  fixed64,
  keyValues,
  keyValuesJson,
  nanos,
  number,
  SPAN_ID,
  START,
  some,
  TRACE_ID,
  type Value,
} from '#test/ingest/otlp.ts'
import { type EnvelopeText, envelope, envelopeJson } from '#test/ingest/otlp-envelope.ts'

export type LogText = {
  timeNano?: bigint
  observedNano?: bigint
  severityNumber?: number
  severityText?: string
  body?: Value
  attributes?: Attributes
  flags?: number
  /** Hex; what is not 32 and 16 digits long is stored as ''. */
  traceId?: string
  spanId?: string
  eventName?: string
}
export type SentLogs = EnvelopeText & { logs: LogText[] }

/** A record that has everything, with what the test wants to be different. */
export function log(different: LogText = {}): LogText {
  return {
    timeNano: START,
    observedNano: START + 1_000n,
    severityNumber: 9,
    severityText: 'INFO',
    body: 'it works',
    traceId: TRACE_ID,
    spanId: SPAN_ID,
    ...different,
  }
}

const maybe = { requiredKeys: [] }

/** Any requests a sender could send. */
export const logRequests: fc.Arbitrary<SentLogs[]> = fc.array(
  fc.record(
    {
      resource: attributes,
      logs: fc.array(
        fc.record(
          {
            timeNano: nanos,
            observedNano: nanos,
            severityNumber: fc.integer({ min: 0, max: 24 }),
            severityText: fc.string(),
            body: attributes.map((some) => some[Object.keys(some)[0] ?? ''] ?? some),
            attributes,
            flags: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
            traceId: fc.constantFrom(TRACE_ID, '', 'ab'),
            spanId: fc.constantFrom(SPAN_ID, '', 'ab'),
            eventName: fc.string(),
          },
          maybe,
        ),
        { maxLength: 3 },
      ),
    },
    { requiredKeys: ['logs'] },
  ),
  { maxLength: 3 },
)

/** The request as protobuf, fields in the order of the schema. */
export function logs(sent: SentLogs[]): Buffer {
  return Buffer.concat(
    sent.map((one) =>
      envelope(
        one,
        one.logs.map((record) => bytes(2, ...logFields(record))),
      ),
    ),
  )
}

/** The fields of one LogRecord. */
export function logFields(record: LogText): Buffer[] {
  return [
    ...some(record.timeNano, (nano) => fixed64(1, nano)),
    ...some(record.severityNumber, (code) => number(2, code)),
    ...some(record.severityText, (text) => bytes(3, text)),
    ...some(record.body, (value) => bytes(5, anyValue(value))),
    ...keyValues(6, record.attributes),
    ...some(record.flags, (flags) => fixed32(8, flags)),
    ...some(record.traceId, (hex) => bytes(9, Buffer.from(hex, 'hex'))),
    ...some(record.spanId, (hex) => bytes(10, Buffer.from(hex, 'hex'))),
    ...some(record.observedNano, (nano) => fixed64(11, nano)),
    ...some(record.eventName, (text) => bytes(12, text)),
  ]
}

/** The same request as OTLP JSON. */
export function logsJson(sent: SentLogs[]): Buffer {
  const resourceLogs = sent.map((one) => envelopeJson(one, 'scopeLogs', { logRecords: one.logs.map(logJson) }))
  return Buffer.from(JSON.stringify({ resourceLogs }))
}

/** One record as a value for JSON.stringify. */
function logJson({ timeNano, observedNano, body, attributes: of, ...rest }: LogText): Record<string, unknown> {
  return {
    ...rest,
    ...(timeNano === undefined ? {} : { timeUnixNano: String(timeNano) }),
    ...(observedNano === undefined ? {} : { observedTimeUnixNano: String(observedNano) }),
    ...(body === undefined ? {} : { body: anyValueJson(body) }),
    ...(of ? { attributes: keyValuesJson(of) } : {}),
  }
}
