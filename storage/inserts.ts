// Telemetry on its way in. ClickHouse decodes OTLP itself; the views on its otlp_ tables (migrations/) make rows of it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { ClickHouseError, type ClickHouseSettings } from '@clickhouse/client'
import { BadInput, Unavailable } from '#model/errors.ts'
import type { Database } from './client.ts'
import type { Encoding, Signal } from './signals.ts'

/** `token` is the same for the same bodies, and for no others. */
export type Batch = { signal: Signal; encoding: Encoding; token: string }

/** Bodies with wrong clocks may touch many days; without any limit one insert could make more parts than the server bears. */
const MAX_DAYS = 1_000

/** Of every insert. */
export const INSERT_SETTINGS: ClickHouseSettings = {
  max_partitions_per_insert_block: String(MAX_DAYS),
  // The same bytes must become the same blocks, or deduplication does not know them again; threads cut them anywhere.
  input_format_parallel_parsing: 0,
  precise_float_parsing: 1,
  // As they are by default; a server's profile may have been made for an older ClickHouse.
  insert_deduplicate: 1,
  deduplicate_insert: 'enable',
  deduplicate_blocks_in_dependent_materialized_views: 1,
  // Optimizing the plans of the views at each insert costs more than it saves.
  query_plan_enable_optimizations: 0,
  // Left to merges: what is replaced is not looked at anyway, and these indexes cost a tenth of an insert of spans.
  optimize_on_insert: 0,
  exclude_materialize_skip_indexes_on_insert:
    'idx_res_attr_key, idx_res_attr_value, idx_span_attr_key, idx_span_attr_value',
}

type Prepared = { statement: string; settings: ClickHouseSettings }

function protobuf(signal: Signal, message: string): Prepared {
  return {
    statement: `INSERT INTO otlp_${signal}_protobuf FORMAT ProtobufSingle`,
    settings: {
      ...INSERT_SETTINGS,
      format_schema_source: 'string',
      format_schema: readFileSync(join(import.meta.dirname, 'otlp', `${signal}.proto`), 'utf8'),
      format_schema_message_name: message,
      input_format_protobuf_oneof_presence: 1,
    },
  }
}

function json(signal: Signal): Prepared {
  return {
    statement: `INSERT INTO otlp_${signal}_json FORMAT JSONEachRow`,
    settings: {
      ...INSERT_SETTINGS,
      input_format_skip_unknown_fields: 1,
      input_format_json_max_depth: 200,
      // From 26.5 on `ResourceSpans` would be read as `resourceSpans`, and the gateway has only looked at the latter.
      compatibility: '26.3',
    },
  }
}

const INSERTS: Record<Signal, Record<Encoding, Prepared>> = {
  traces: { protobuf: protobuf('traces', 'Traces'), json: json('traces') },
  metrics: { protobuf: protobuf('metrics', 'Metrics'), json: json('metrics') },
  logs: { protobuf: protobuf('logs', 'Logs'), json: json('logs') },
}

// Codes of ClickHouse that say the bytes are not what the format promises, or hold what no table can take.
const UNREADABLE = new Set('6 25 26 27 32 33 36 43 53 69 72 73 117 130 131 306 407 436 444 467'.split(' '))

/**
 * Stores whole checked OTLP requests of one signal and encoding, and returns when they are stored.
 * The same token with the same bodies writes once, so an insert that failed can safely be repeated: also when we gave up
 * on it, which does not stop the server from finishing it.
 * Throws BadInput when ClickHouse cannot read the bodies, Unavailable for everything else it answers: whatever is wrong
 * with the server, the sender had better keep the bodies and try again.
 */
export async function insertBodies(
  db: Database,
  { signal, encoding, token }: Batch,
  bodies: Iterable<Buffer>,
): Promise<void> {
  const { statement, settings } = INSERTS[signal][encoding]
  const pieces = joined(bodies, encoding === 'json' ? '\n' : '')
  const first = pieces.next()
  if (first.done) return
  try {
    const body = Readable.from(startingWith(first.value, pieces), { objectMode: false })
    await db.send(statement, body, { ...settings, insert_deduplication_token: token })
  } catch (error) {
    throw sortRefusal(error, signal)
  }
}

/** Below this, bodies are copied together: a write to the socket costs more than the copy. */
const PIECE_BYTES = 65_536

/** The bodies with the separator behind each, in pieces worth sending. Empty bodies say nothing. */
function* joined(bodies: Iterable<Buffer>, separator: string): Generator<Buffer, void> {
  const end = Buffer.from(separator)
  let small: Buffer[] = []
  let length = 0
  for (const body of bodies) {
    if (body.length === 0) continue
    if (length + body.length > PIECE_BYTES) {
      if (length > 0) yield Buffer.concat(small, length)
      small = []
      length = 0
    }
    if (body.length > PIECE_BYTES) {
      yield body
      if (end.length > 0) yield end
    } else {
      small.push(body, end)
      length += body.length + end.length
    }
  }
  if (length > 0) yield Buffer.concat(small, length)
}

function* startingWith(first: Buffer, rest: Iterable<Buffer>): Generator<Buffer, void> {
  yield first
  yield* rest
}

function sortRefusal(error: unknown, signal: Signal): unknown {
  const cause = error instanceof Unavailable ? error.cause : error
  if (!(cause instanceof ClickHouseError)) return error
  const reason = cause.message.split('\n')[0]
  // The same code as that of a server that cannot keep up.
  const tooManyDays = cause.message.includes('partitions for single INSERT block')
  if (tooManyDays)
    return new BadInput(`these ${signal} are of more than ${MAX_DAYS} days; send fewer at once`, { cause })
  if (UNREADABLE.has(cause.code)) return new BadInput(`these ${signal} cannot be stored: ${reason}`, { cause })
  return error instanceof Unavailable
    ? error
    : new Unavailable(`ClickHouse refused the ${signal}: ${reason}`, { cause })
}
