// pg (node-postgres), watched: every query of a cycle is a step.

import { context } from '@opentelemetry/api'
import { type Begin, beginInCurrent, type DbOptions, rowsOf, statusOf } from '#collector/writing/db.ts'
import type { OpenStep } from '#collector/writing/spans.ts'
import { type Watch, wrapped } from '#collector/writing/wrap.ts'

type Callback = (error: unknown, result: unknown, ...more: unknown[]) => void
type Connection = { host?: unknown; port?: unknown; database?: unknown; connectionString?: unknown }
/** A Pool keeps where it leads to in `options`, a Client in itself. */
type PgClient = { query(...args: never[]): unknown; connect(...args: never[]): unknown } & (Connection | object)

/**
 * The same Client or Pool; what is asked of it, or of a client the pool lends, inside a cycle is told there. Make it
 * once, at module level; outside cycles it costs nothing. Cursors and query streams are not told.
 */
export function watchPg<C extends PgClient>(client: C): C {
  return watchClient(client, beginInCurrent(whereTo(client)))
}

function whereTo(client: object): DbOptions {
  const { options } = client as { options?: unknown }
  const { host, port, database, connectionString } = (options instanceof Object ? options : client) as Connection
  const url = typeof connectionString === 'string' ? URL.parse(connectionString) : null
  return {
    system: 'postgresql',
    namespace: typeof database === 'string' ? database : url?.pathname.slice(1) || undefined,
    serverAddress: typeof host === 'string' ? host : url?.hostname || undefined,
    serverPort: Number(port ?? url?.port) || undefined,
  }
}

function watchClient<C extends object>(client: C, begin: Begin): C {
  return wrapped(client, {
    query: watchQuery(begin),
    connect: (connect, args) => {
      const lent = (made: unknown) => (made && made !== client ? watchClient(made as object, begin) : made)
      const callback = args.at(-1)
      if (typeof callback === 'function') {
        const handOver: Callback = (error, made, ...more) => callback(error, lent(made), ...more)
        return connect(...args.slice(0, -1), handOver)
      }
      return (connect() as Promise<unknown>).then(lent)
    },
  })
}

function watchQuery(begin: Begin): Watch {
  return (query, args) => {
    const text = textOf(args[0])
    const step = text === undefined ? undefined : begin(text)
    if (!step) return query(...args)
    const callback = args.at(-1)
    try {
      if (typeof callback !== 'function') return told(step, context.with(step.context, query, undefined, ...args))
      const answered: Callback = (error, result) => {
        if (error) step.fail(error, statusOf(error))
        else step.end(rowsOf(result))
        callback(error, result)
      }
      return query(...args.slice(0, -1), context.bind(context.active(), answered))
    } catch (error) {
      step.fail(error)
      throw error
    }
  }
}

/** Undefined for a cursor or a stream, which answers in its own time. */
function textOf(query: unknown): string | undefined {
  if (typeof query === 'string') return query
  const { text, submit } = (query ?? {}) as { text?: unknown; submit?: unknown }
  return typeof text === 'string' && submit === undefined ? text : undefined
}

async function told(step: OpenStep, answer: unknown): Promise<unknown> {
  try {
    const result = await answer
    step.end(rowsOf(result))
    return result
  } catch (error) {
    step.fail(error, statusOf(error))
    throw error
  }
}
