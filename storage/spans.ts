// Spans on their way in. ClickHouse decodes OTLP itself; the views of migrations/002_otlp.sql make rows of it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { ClickHouseError } from '@clickhouse/client'
import { BadInput } from '#model/errors.ts'
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
const UNREADABLE = new Set([
  '6',
  '25',
  '26',
  '27',
  '32',
  '33',
  '36',
  '43',
  '53',
  '69',
  '72',
  '73',
  '117',
  '130',
  '131',
  '252',
  '436',
  '444',
  '467',
])

/**
 * Stores the spans of an ExportTraceServiceRequest, or of several: concatenated in protobuf, one to a line in JSON.
 * Returns when they are stored. The same token twice writes once.
 * Throws BadInput when ClickHouse cannot read the body, Unavailable when it cannot be reached.
 */
export async function insertTraces(db: Database, body: Buffer, encoding: Encoding, token: string): Promise<void> {
  if (body.length === 0) return
  const { statement, settings } = INSERTS[encoding]
  try {
    await db.send(statement, Readable.from(body, { objectMode: false }), {
      ...settings,
      insert_deduplication_token: token,
    })
  } catch (error) {
    const cause = (error as Error).cause ?? error
    if (cause instanceof ClickHouseError && UNREADABLE.has(cause.code)) {
      throw new BadInput(`the body cannot be stored: ${cause.message.split('\n')[0]}`, { cause: error })
    }
    throw error
  }
}
