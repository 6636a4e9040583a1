// @clickhouse/client, watched: every query, insert and command of a cycle is a step.

import { context } from '@opentelemetry/api'
import { type Begin, beginInCurrent, type QueryOptions, statusOf } from '#collector/writing/db.ts'
import { type Watch, wrapped } from '#collector/writing/wrap.ts'

type Ask = (...args: never[]) => Promise<unknown>
type ClickHouseClient = { query: Ask; insert: Ask; command: Ask; exec: Ask }

export type ClickHouseOptions = {
  /** The client does not tell where it leads to. */
  namespace?: string | undefined
  serverAddress?: string | undefined
  serverPort?: number | undefined
}

/**
 * The same client; what is asked of it inside a cycle is told there. Make it once, at module level; outside cycles it
 * costs nothing. The step of a `query` or `exec` ends when the answer begins: reading its rows is the job's own pace.
 */
export function watchClickHouse<C extends ClickHouseClient>(client: C, options: ClickHouseOptions = {}): C {
  const begin = beginInCurrent({ system: 'clickhouse', ...options })
  const asking = watchCall(begin, ({ query }) => ({ query: String(query) }))
  return wrapped(client, { query: asking, command: asking, exec: asking, insert: watchCall(begin, describeInsert) })
}

type Parameters = { query?: unknown; table?: unknown; values?: unknown }

function describeInsert({ table, values }: Parameters): { query: string; options: QueryOptions } {
  const collection = String(table)
  const batchSize = Array.isArray(values) ? values.length : undefined
  // With a text, even one that says nothing, the query is taken for a summary, whatever the table is called.
  return { query: `INSERT ${collection}`, options: { operation: 'INSERT', collection, batchSize, text: '' } }
}

function watchCall(
  begin: Begin,
  describe: (parameters: Parameters) => { query: string; options?: QueryOptions },
): Watch {
  return async (ask, args) => {
    const { query, options } = describe((args[0] ?? {}) as Parameters)
    const step = begin(query, options)
    if (!step) return ask(...args)
    try {
      const result = await context.with(step.context, ask, undefined, ...args)
      step.end()
      return result
    } catch (error) {
      step.fail(error, statusOf(error))
      throw error
    }
  }
}
