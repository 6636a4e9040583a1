// node:sqlite, watched: every query of a cycle is a step. The same for better-sqlite3, which has the same methods.

import { type Begin, beginInCurrent, rowsOf, statusOf } from '#collector/writing/db.ts'
import type { OpenStep } from '#collector/writing/spans.ts'
import { type Watch, wrapped } from '#collector/writing/wrap.ts'

type Statement = Record<'run' | 'all' | 'get', (...parameters: never[]) => unknown>
type SqliteDatabase = { prepare(sql: string): Statement; exec(sql: string): unknown }

export type SqliteOptions = {
  /** How the database is called in traces, such as `prices`. */
  namespace?: string | undefined
}

/**
 * The same database; what is asked of it, or of statements it prepares, inside a cycle is told there. Make it once, at
 * module level; outside cycles it costs nothing. One row at a time through `iterate` is one step until the last row.
 */
export function watchSqlite<D extends SqliteDatabase>(database: D, { namespace }: SqliteOptions = {}): D {
  const begin = beginInCurrent({ system: 'sqlite', namespace })
  return wrapped(database, {
    exec: (exec, args) => timed(begin(String(args[0])), () => exec(...args)),
    prepare: (prepare, args) => watchStatement(prepare(...args) as Statement, String(args[0]), begin),
  })
}

function watchStatement(statement: Statement, sql: string, begin: Begin): Statement {
  const once: Watch = (ask, args) => timed(begin(sql), () => ask(...args))
  return wrapped(statement, {
    run: once,
    all: once,
    get: (get, args) =>
      timed(
        begin(sql),
        () => get(...args),
        (row) => ({ 'db.response.returned_rows': row === undefined ? 0 : 1 }),
      ),
    iterate: (iterate, args) => iterated(begin(sql), () => iterate(...args) as IterableIterator<unknown>),
  })
}

function timed(step: OpenStep | undefined, ask: () => unknown, tell = rowsOf): unknown {
  if (!step) return ask()
  try {
    const result = ask()
    step.end(tell(result))
    return result
  } catch (error) {
    step.fail(error, statusOf(error))
    throw error
  }
}

/** The step ends with the last row, with an error, and when the loop is left. */
function iterated(step: OpenStep | undefined, ask: () => IterableIterator<unknown>): IterableIterator<unknown> {
  if (!step) return ask()
  let rows = 0
  const end = () => step.end({ 'db.response.returned_rows': rows })
  const failing = <T>(next: () => T): T => {
    try {
      return next()
    } catch (error) {
      step.fail(error, statusOf(error))
      throw error
    }
  }
  const iterator = failing(ask)
  return wrapped(iterator, {
    next: (next) =>
      failing(() => {
        const result = next() as IteratorResult<unknown>
        if (result.done) end()
        else rows += 1
        return result
      }),
    return: (leave) => {
      end()
      return leave()
    },
  })
}
