// Which items earlier good runs of a cycle had already: fingerprints of their keys, remembered when a run ends well.

import type { DatabaseSync } from 'node:sqlite'
import { checkName } from '#collector/arguments.ts'
import { damagedError } from '#collector/state/damage.ts'
import { digest } from '#collector/state/digest.ts'
import type { StateFile } from '#collector/state/file.ts'
import { BadInput } from '#model/errors.ts'

export type Key = string | number | bigint

export type Keep = {
  /** How long after it was last among the items. Default: 90 days. */
  ageMs?: number | undefined
  /** How many, the latest ones; up to a tenth more may lie there. What the last run looked at stays. Default: 1,000,000. */
  count?: number | undefined
}

export type UnseenOptions = {
  /** Keeps several lists of one cycle apart. Default: items. */
  name?: string | undefined
  /** When keys are forgotten, whose items are new again then. */
  keep?: Keep | undefined
}

export type Seen = {
  unseen<T>(items: Iterable<T>, key: (item: T) => Key, options?: UnseenOptions): T[]
  again<T>(items: Iterable<T>, key: (item: T) => Key, options?: Pick<UnseenOptions, 'name'>): void
  /** Writes down what was looked at, inside a transaction. */
  commit(database: DatabaseSync): void
}

type Limits = { ageMs: number; count: number }
/**
 * One list in one run: what it looked at, with when a key was last remembered, undefined for new ones, and in which
 * generation of the file.
 */
type List = { scope: string; keep: Limits; looked: Map<string, number | undefined>; generation: number | undefined }

const DEFAULT_NAME = 'items'
const DEFAULT_KEEP: Limits = { ageMs: 90 * 86_400_000, count: 1_000_000 }
/** A key that stays among the items is written again only after this share of its life. */
const REFRESH_SHARE = 0.1
const SLACK = 1.1

export function seenBy(file: StateFile, cycle: string, now: () => number): Seen {
  const lists = new Map<string, List>()
  const listOf = (name: string, keep: Keep | undefined): List => {
    checkName(name, 'the name of a list of items')
    const list = lists.get(name) ?? openList(digest(cycle, name))
    if (keep) list.keep = checkedKeep(keep)
    lists.set(name, list)
    return list
  }
  return {
    unseen<T>(items: Iterable<T>, key: (item: T) => Key, { name = DEFAULT_NAME, keep }: UnseenOptions = {}) {
      const list = listOf(name, keep)
      const fresh = new Map<string, T>()
      for (const [id, item] of identified(items, key, list.scope)) {
        if (!list.looked.has(id) && !fresh.has(id)) fresh.set(id, item)
      }
      const known = file.use((database) => knownAmong(database, [...fresh.keys()]))
      list.generation ??= file.generation()
      for (const id of fresh.keys()) list.looked.set(id, known.get(id))
      return [...fresh].filter(([id]) => !known.has(id)).map(([, item]) => item)
    },
    again(items, key, { name = DEFAULT_NAME } = {}) {
      const list = listOf(name, undefined)
      for (const [id] of identified(items, key, list.scope)) {
        if (list.looked.get(id) === undefined) list.looked.delete(id)
      }
    },
    commit(database) {
      const at = now()
      for (const list of lists.values()) {
        // What an earlier file remembered of these, the present one does not.
        const isGone = list.generation !== file.generation()
        remember(database, isGone ? { ...list, looked: unknown(list.looked) } : list, at)
      }
    },
  }
}

function openList(scope: string): List {
  return { scope, keep: DEFAULT_KEEP, looked: new Map(), generation: undefined }
}

function unknown(looked: List['looked']): List['looked'] {
  return new Map([...looked.keys()].map((id) => [id, undefined]))
}

function* identified<T>(items: Iterable<T>, key: (item: T) => Key, scope: string): Generator<[string, T]> {
  if (typeof key !== 'function') throw new BadInput('unseen needs a function that gives the key of an item')
  let index = 0
  for (const item of items) {
    const given: unknown = key(item)
    if (typeof given !== 'string' && typeof given !== 'bigint' && !Number.isFinite(given)) {
      const found = typeof given === 'number' || given === null ? String(given) : typeof given
      throw new BadInput(`the key of item ${index} is ${found}; it must be a text, a number or a bigint`)
    }
    // A key alone is proof: a fingerprint with the list in it cannot turn up under another list by a flipped bit.
    yield [digest(scope, String(given)), item]
    index += 1
  }
}

function knownAmong(database: DatabaseSync, ids: string[]): Map<string, number> {
  const rows = database
    .prepare(
      'SELECT seen.id AS id, CAST(seen.at AS REAL) AS at ' +
        'FROM json_each(?) AS asked CROSS JOIN cyclewatch_seen AS seen ON seen.id = asked.value',
    )
    .all(JSON.stringify(ids))
  return new Map(rows.map(({ id, at }) => [String(id), Number(at)]))
}

function remember(database: DatabaseSync, { scope, keep, looked }: List, at: number): void {
  const isStale = (last: number | undefined) => last === undefined || !(at - last < keep.ageMs * REFRESH_SHARE)
  write(
    database,
    scope,
    [...looked].filter(([, last]) => isStale(last)).map(([id]) => id),
    at,
  )
  database.prepare('DELETE FROM cyclewatch_seen WHERE scope = ? AND at < ?').run(scope, at - keep.ageMs)
  const kept = database.prepare('SELECT count(*) AS n FROM cyclewatch_seen WHERE scope = ?').get(scope)
  const over = Number(kept?.n) - keep.count
  if (over <= keep.count * (SLACK - 1)) return
  write(database, scope, [...looked.keys()], at)
  database
    .prepare(
      'DELETE FROM cyclewatch_seen WHERE id IN ' +
        '(SELECT id FROM cyclewatch_seen WHERE scope = ?1 AND at < ?2 ORDER BY at LIMIT ?3)',
    )
    .run(scope, at, over)
}

/** A clock that went back makes no key older. */
function write(database: DatabaseSync, scope: string, ids: string[], at: number): void {
  if (ids.length === 0) return
  database
    .prepare(
      'INSERT INTO cyclewatch_seen (id, scope, at) SELECT value, ?1, ?2 FROM json_each(?3) WHERE true ' +
        'ON CONFLICT (id) DO UPDATE SET scope = ?1, at = max(at, ?2)',
    )
    .run(scope, at, JSON.stringify(ids))
  // A damaged tree may take keys and never find them again: the same items would be new for ever.
  if (knownAmong(database, ids).size < ids.length) throw damagedError('it does not find what was just written')
}

function checkedKeep({ ageMs = DEFAULT_KEEP.ageMs, count = DEFAULT_KEEP.count }: Keep): Limits {
  if (typeof ageMs !== 'number' || !(ageMs > 0)) {
    throw new BadInput(`keep.ageMs is ${String(ageMs)}; it must be a number of milliseconds above 0`)
  }
  if (count !== Number.POSITIVE_INFINITY && !(Number.isSafeInteger(count) && count > 0)) {
    throw new BadInput(`keep.count is ${String(count)}; it must be a whole number from 1`)
  }
  return { ageMs, count }
}
