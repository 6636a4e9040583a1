// Results of a run that are on the disk before the run is over, so that the next one need not work for them again.

import type { DatabaseSync } from 'node:sqlite'
import { damagedError } from '#collector/state/damage.ts'
import { digest } from '#collector/state/digest.ts'
import type { StateFile } from '#collector/state/file.ts'
import { transaction } from '#collector/state/tables.ts'

/** `at` is epoch ms; `value` is JSON, null for undefined. */
export type Result = { cycle: string; key: string; run: string; at: number; value: string | null }

/** Keeps a result; resolves when it is on the disk. Rejects with Unavailable when it could not be written. */
export type Writer = { keep(result: Result): Promise<void>; flush(): void }

type Pending = { result: Result; done: () => void; fail: (error: unknown) => void }

/** What comes in one turn of the event loop is written in one transaction: one wait for the disk instead of many. */
export function resultWriter(file: StateFile): Writer {
  let pending: Pending[] = []
  const flush = () => {
    const batch = pending
    pending = []
    if (batch.length === 0) return
    try {
      file.use((database) =>
        transaction(database, () => {
          for (const { result } of batch) insert(database, result)
        }),
      )
      for (const { done } of batch) done()
    } catch (error) {
      for (const { fail } of batch) fail(error)
    }
  }
  return {
    flush,
    keep: (result) =>
      new Promise((done, fail) => {
        if (pending.push({ result, done, fail }) === 1) setImmediate(flush)
      }),
  }
}

/** Undefined when there is none, or one that is not as it was written. */
export function readResult(database: DatabaseSync, cycle: string, key: string): Result | undefined {
  const row = database
    .prepare('SELECT run, CAST(at AS REAL) AS at, value, sum FROM cyclewatch_checkpoints WHERE cycle = ? AND key = ?')
    .get(cycle, key)
  if (!row) return undefined
  const { run, at, value, sum } = row
  if (typeof run !== 'string' || typeof at !== 'number' || (value !== null && typeof value !== 'string'))
    return undefined
  const result = { cycle, key, run, at, value }
  return sum === sumOf(result) ? result : undefined
}

/** Grows with every result that is written to this file. */
export function lastResult(database: DatabaseSync): number {
  return Number(database.prepare('SELECT CAST(max(seq) AS REAL) AS last FROM cyclewatch_checkpoints').get()?.last ?? 0)
}

/** Those of this run, and those that were there when it began, but for what other runs that still go on wrote. */
export function removeResults(
  database: DatabaseSync,
  { cycle, run, before, others }: { cycle: string; run: string; before: number; others: string[] },
): void {
  database
    .prepare(
      'DELETE FROM cyclewatch_checkpoints WHERE cycle = ?1 AND (run = ?2 OR seq <= ?3) ' +
        'AND run NOT IN (SELECT value FROM json_each(?4))',
    )
    .run(cycle, run, before, JSON.stringify(others))
}

/** Of any cycle: a job that was renamed or given up ends no run that would remove them. */
export function removeResultsBefore(database: DatabaseSync, at: number): void {
  database.prepare('DELETE FROM cyclewatch_checkpoints WHERE at < ?').run(at)
}

function insert(database: DatabaseSync, result: Result): void {
  const { cycle, key, run, at, value } = result
  database
    .prepare(
      'INSERT OR REPLACE INTO cyclewatch_checkpoints (cycle, key, run, at, value, sum) VALUES (?, ?, ?, ?, ?, ?)',
    )
    .run(cycle, key, run, at, value, sumOf(result))
  const there = readResult(database, cycle, key)
  if (!there || sumOf(there) !== sumOf(result)) throw damagedError('it does not find what was just written')
}

function sumOf({ cycle, key, run, at, value }: Result): string {
  return value === null ? digest(cycle, key, run, String(at)) : digest(cycle, key, run, String(at), value)
}
