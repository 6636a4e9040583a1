// The one way to ClickHouse, embedded or not: statements from files, bound parameters, and errors sorted by what to do.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { ClickHouseError, ClickHouseLogLevel, type ClickHouseSettings, createClient } from '@clickhouse/client'
import { Unavailable } from '#model/errors.ts'
import type { Server } from './server.ts'

export type Parameters = Record<string, string | number | boolean | readonly string[]>

/** A connection to one database. `close` waits for nothing. */
export type Database = {
  /** Rows of `queries/<name>.sql` with these parameters; `Row` is what its SELECT list says. 64-bit integers are text. */
  read<Row>(name: string, parameters?: Parameters): Promise<Row[]>
  /** Runs one statement that returns nothing. */
  run(statement: string, parameters?: Parameters): Promise<void>
  /** Sends data in a format of ClickHouse's as the body of an INSERT. */
  send(statement: string, body: Readable, settings: ClickHouseSettings): Promise<void>
  close(): Promise<void>
}

/** How long somebody waits for an answer. */
const PATIENCE_MS = 30_000

/** For whoever would only begin again: a server that is behind needs longer, and must not be asked for it twice. */
export const INSERT_PATIENCE_MS = 300_000

const SETTINGS: ClickHouseSettings = {
  output_format_json_quote_64bit_integers: 1,
  cancel_http_readonly_queries_on_client_close: 1,
  async_insert: 0,
}

/**
 * Connects when first used. Every call throws Unavailable when the server cannot be reached, is overloaded, or needs
 * longer than `patienceMs`.
 */
export function openDatabase(server: Server, database: string, patienceMs: number = PATIENCE_MS): Database {
  const client = createClient({
    url: server.url,
    username: server.user,
    password: server.password,
    database,
    application: 'cyclewatch',
    // The server's own limit says more than a connection that is cut.
    request_timeout: patienceMs + 5_000,
    log: { level: ClickHouseLogLevel.OFF },
    clickhouse_settings: { ...SETTINGS, max_execution_time: patienceMs / 1_000 },
  })
  const sorted = <Result>(call: Promise<Result>): Promise<Result> =>
    call.catch((error: unknown) => {
      throw sortError(error, server.url)
    })

  return {
    async read<Row>(name: string, parameters: Parameters = {}) {
      const result = await sorted(
        client.query({ query: queryText(name), query_params: parameters, format: 'JSONEachRow' }),
      )
      return sorted(result.json<Row>())
    },
    async run(query, parameters = {}) {
      await sorted(client.command({ query, query_params: parameters }))
    },
    async send(query, values, settings) {
      const { stream } = await sorted(client.exec({ query, values, clickhouse_settings: settings }))
      stream.resume()
    },
    close: () => client.close(),
  }
}

const texts = new Map<string, string>()

/** The text of `queries/<name>.sql`, read once. */
export function queryText(name: string): string {
  let text = texts.get(name)
  if (text === undefined) {
    text = readFileSync(join(import.meta.dirname, 'queries', `${name}.sql`), 'utf8')
    texts.set(name, text)
  }
  return text
}

// Codes of ClickHouse with which the same call may succeed later, or on a server set up otherwise.
const PASSING = new Set(['159', '202', '203', '209', '210', '241', '242', '243', '252', '319', '439'])
const REFUSED: Record<string, string> = {
  '192': 'does not know the user',
  '193': 'refuses the password',
  '194': 'wants a password',
  '516': 'refuses the user or password (clickhouse.user, clickhouse.password)',
  '497': 'does not grant what is needed',
  '81': 'has no such database yet; run migrate',
}

function sortError(error: unknown, url: string): unknown {
  if (!(error instanceof ClickHouseError)) {
    return new Unavailable(`ClickHouse at ${url} ${describe(error)}`, { cause: error })
  }
  if (REFUSED[error.code]) return new Unavailable(`ClickHouse at ${url} ${REFUSED[error.code]}`, { cause: error })
  if (PASSING.has(error.code)) return new Unavailable(`ClickHouse at ${url}: ${firstLine(error)}`, { cause: error })
  return error
}

// An embedded engine answers so to everybody but its own user.
function describe(error: unknown): string {
  const why = reason(error)
  return why.startsWith('There is no handle') ? (REFUSED['516'] as string) : `cannot be used: ${why}`
}

// A refused connection to a name with two addresses is an AggregateError without a message.
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return firstLine(error) || ('code' in error ? String(error.code) : error.name)
}

function firstLine(error: Error): string {
  return error.message.split('\n')[0] ?? ''
}

/** Whether a server answers there, to this user and password. */
export async function isAlive(server: Server): Promise<boolean> {
  const db = openDatabase(server, 'system')
  return db
    .read('server_version')
    .then(
      () => true,
      () => false,
    )
    .finally(() => db.close())
}
