// Spans on their way in. ClickHouse decodes OTLP itself; the views of migrations/002_otlp.sql make rows of it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { ClickHouseError } from '@clickhouse/client'
import { BadInput, Unavailable } from '#model/errors.ts'
import type { Database } from './client.ts'

export type Encoding = 'protobuf' | 'json'

const SCHEMA = readFileSync(join(import.meta.dirname, 'otlp', 'traces.proto'), 'utf8')

const INSERTS = {
  protobuf: {
    statement: 'INSERT INTO otlp_traces_protobuf FORMAT ProtobufSingle',
    settings: {
      format_schema_source: 'string',
      format_schema: SCHEMA,
      format_schema_message_name: 'Traces',
      input_format_protobuf_oneof_presence: 1,
    },
  },
  json: {
    statement: 'INSERT INTO otlp_traces_json FORMAT JSONEachRow',
    settings: { input_format_skip_unknown_fields: 1, input_format_json_max_depth: 200 },
  },
} as const

// Codes of ClickHouse that say the bytes are not what the format promises, or hold what no table can take.
const UNREADABLE = new Set('6 25 26 27 32 33 36 43 53 69 72 73 117 130 131 306 407 436 444 467'.split(' '))

/** A body with wrong clocks may touch many days; without any limit one body could make more parts than the server bears. */
const MAX_DAYS = 1_000

/**
 * Stores the spans of an ExportTraceServiceRequest, or of several: concatenated in protobuf, one to a line in JSON.
 * Returns when they are stored. The same token twice writes once.
 * Throws BadInput when ClickHouse cannot read the body, Unavailable for everything else it answers: whatever is wrong with
 * the server, the sender had better keep the spans and try again.
 */
export async function insertTraces(db: Database, body: Buffer, encoding: Encoding, token: string): Promise<void> {
  if (body.length === 0) return
  const { statement, settings } = INSERTS[encoding]
  try {
    await db.send(statement, Readable.from(body, { objectMode: false }), {
      ...settings,
      max_partitions_per_insert_block: String(MAX_DAYS),
      insert_deduplication_token: token,
    })
  } catch (error) {
    throw sortRefusal(error)
  }
}

function sortRefusal(error: unknown): unknown {
  const cause = error instanceof Unavailable ? error.cause : error
  if (!(cause instanceof ClickHouseError)) return error
  const reason = cause.message.split('\n')[0]
  // The same code as that of a server that cannot keep up.
  const tooManyDays = cause.message.includes('partitions for single INSERT block')
  if (tooManyDays)
    return new BadInput(`the body has spans of more than ${MAX_DAYS} days; send fewer at once`, { cause })
  if (UNREADABLE.has(cause.code)) return new BadInput(`the body cannot be stored: ${reason}`, { cause })
  return error instanceof Unavailable ? error : new Unavailable(`ClickHouse refused the spans: ${reason}`, { cause })
}
