// run.db: queries of a job as steps of kind `db`, told by OpenTelemetry's database conventions.

import { type Attributes, context } from '@opentelemetry/api'
import { checkFunction, checkName } from '#collector/arguments.ts'
import { type Current, current, type Ongoing, placeIn } from '#collector/ongoing.ts'
import { isInQuery, type OpenStep, openQuery } from '#collector/writing/spans.ts'
import { sanitized, summaryOf } from '#collector/writing/summary.ts'
import { BadInput } from '#model/errors.ts'

export type DbOptions = {
  /** `db.system.name`: `postgresql`, `sqlite`, `clickhouse`, `mysql`, … as OpenTelemetry lists them. */
  system: string
  /** `db.namespace`: the database that is queried. */
  namespace?: string | undefined
  serverAddress?: string | undefined
  serverPort?: number | undefined
}

export type QueryOptions = {
  /** How many rows or queries go at once; told when there is more than one. */
  batchSize?: number | undefined
  /** The SQL, when the first argument is a summary; told with `?` for every literal. */
  text?: string | undefined
  /** `db.operation.name` and `db.collection.name`, where they are known without reading the SQL. */
  operation?: string | undefined
  collection?: string | undefined
}

export type Db = {
  /**
   * Runs `fn` as one query; returns its value or rethrows what it threw. `query` is the SQL, or a summary of a few
   * words such as `INSERT prices` or `coins by rank`, which names the step and must be the same for the same query.
   * Inside another query, or a batcher's write, `fn` just runs: the outer one tells and counts for it.
   */
  query<T>(query: string, fn: () => T | PromiseLike<T>, options?: QueryOptions): Promise<T>
}

/** A query about to run: undefined where nothing is to be told. */
export type Begin = (query: string, options?: QueryOptions) => OpenStep | undefined

/** Throws BadInput without a system. */
export function dbIn(ongoing: Ongoing, options: DbOptions): Db {
  const begin = beginIn(() => ({ ongoing, place: placeIn(ongoing) }), options)
  return {
    async query(query, fn, queryOptions) {
      checkName(query, 'a query')
      checkFunction(fn, `query '${query.slice(0, 100)}'`)
      const step = begin(query, queryOptions)
      if (!step) return await fn()
      try {
        const result = await context.with(step.context, fn)
        step.end(rowsOf(result))
        return result
      } catch (error) {
        step.fail(error, statusOf(error))
        throw error
      }
    },
  }
}

/** For connections that outlive cycles: a query belongs to the cycle it is asked in, if any. */
export function beginInCurrent(options: DbOptions): Begin {
  return beginIn(current, options)
}

function beginIn(find: () => Current | undefined, options: DbOptions): Begin {
  const fixed = connectionAttributes(options)
  return (query, queryOptions = {}) => {
    if (isInQuery()) return undefined
    const found = find()
    if (!found) return undefined
    const { name, attributes } = describe(query, queryOptions, options.system)
    return openQuery(found.ongoing, found.place, name, { ...fixed, ...attributes })
  }
}

/** What all queries of one connection have in common. */
export function connectionAttributes({ system, namespace, serverAddress, serverPort }: DbOptions): Attributes {
  if (typeof system !== 'string' || system === '') {
    throw new BadInput("a database needs a system, as in { system: 'postgresql' }")
  }
  const all = {
    'db.system.name': system,
    'db.namespace': namespace,
    'server.address': serverAddress,
    'server.port': serverAddress === undefined ? undefined : serverPort,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

/** The step's name and what is said of the query itself. */
export function describe(
  query: string,
  { batchSize, text, operation, collection }: QueryOptions,
  system: string,
): { name: string; attributes: Attributes } {
  const isSummary = text !== undefined || isShort(query)
  const { summary, shown } = known(isSummary ? (text ?? '') : query, system)
  const isBatch = batchSize !== undefined && batchSize > 1
  const named = isSummary ? query : summary
  const told = named && isBatch ? `BATCH ${named}` : named
  const attributes: Attributes = {}
  if (told) attributes['db.query.summary'] = told
  if (shown) attributes['db.query.text'] = shown
  if (isBatch) attributes['db.operation.batch.size'] = batchSize
  if (operation) attributes['db.operation.name'] = operation
  if (collection) attributes['db.collection.name'] = collection
  return { name: told || system, attributes }
}

const SHORT = /^[\p{L}_][\w.\p{L}]*(?: [\p{L}_][\w.\p{L}]*)*$/u
const OF_SQL = /\b(?:from|into|where|set|values|join)\b/i

/** Whether it is a few plain words that are not SQL. */
function isShort(query: string): boolean {
  return query.length <= 255 && SHORT.test(query) && !OF_SQL.test(query)
}

type Known = { summary: string; shown: string }
/** A job asks the same few queries over and over. Long ones are not kept, nor is a flood of different ones. */
const seen = new Map<string, Known>()

function known(text: string, system: string): Known {
  if (text === '') return { summary: '', shown: '' }
  const key = `${system} ${text}`
  const before = seen.get(key)
  if (before) return before
  const fresh = { summary: summaryOf(text, system), shown: sanitized(text, system) }
  if (key.length <= 4_096 && seen.size < 1_000) seen.set(key, fresh)
  return fresh
}

/** `db.response.returned_rows` of what drivers return: a list of rows, or `{ rows }` with columns. */
export function rowsOf(result: unknown): Attributes {
  if (Array.isArray(result)) return { 'db.response.returned_rows': result.length }
  const { rows, fields } = (result ?? {}) as { rows?: unknown; fields?: unknown }
  const hasColumns = !Array.isArray(fields) || fields.length > 0
  return Array.isArray(rows) && hasColumns ? { 'db.response.returned_rows': rows.length } : {}
}

/** `db.response.status_code` of a driver's error: SQLSTATE, ClickHouse's or SQLite's number. */
export function statusOf(error: unknown): Attributes {
  if (!(error instanceof Error)) return {}
  const { errcode, code, errno } = error as { errcode?: unknown; code?: unknown; errno?: unknown }
  if (typeof errcode === 'number') return { 'db.response.status_code': String(errcode) }
  const isAnswer =
    typeof code === 'string' && /^(?:[0-9A-Z]{5}|\d{1,5}|ER_\w+|ORA-\d+)$/.test(code) && errno === undefined
  return isAnswer ? { 'db.response.status_code': code } : {}
}
