// ClickHouse commits a part in two steps under one lock: its token goes into the deduplication log, then its folder gets
// its name. Killed in between, it would drop the retry of that insert as a duplicate of rows that nobody has.

import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Removes such tokens: only the last of a table's log can be one. Nobody may be using the folder. */
export function mendDeduplication(store: string): void {
  for (const table of tableFolders(store)) {
    const log = newestLog(join(table, 'deduplication_logs'))
    if (log === null) continue
    const lines = readFileSync(log, 'utf8').split('\n').filter(Boolean)
    const kept = withoutUncommitted(lines, namesIn(table))
    if (kept.length === lines.length) continue
    writeFileSync(`${log}.draft`, kept.map((line) => `${line}\n`).join(''))
    renameSync(`${log}.draft`, log)
  }
}

/** Without the entries at the end whose part is not among `folders`, neither by itself nor merged into a larger one. */
export function withoutUncommitted(lines: string[], folders: string[]): string[] {
  const parts = folders.flatMap((folder) => parsePart(folder) ?? [])
  const isCommitted = (line: string) => {
    const [operation, name = ''] = line.split('\t')
    const part = parsePart(name)
    return operation !== ADDED || part === null || parts.some((other) => covers(other, part))
  }
  return lines.slice(0, lines.findLastIndex(isCommitted) + 1)
}

const ADDED = '1'

type Part = { partition: string; first: number; last: number }

/** `20261122_7_9_1` holds the blocks 7 to 9 of a partition, merged once. */
function parsePart(name: string): Part | null {
  const [, partition, first, last] = /^([^_]+)_(\d+)_(\d+)_\d+(?:_\d+)?$/.exec(name) ?? []
  return partition === undefined ? null : { partition, first: Number(first), last: Number(last) }
}

function covers(larger: Part, smaller: Part): boolean {
  return larger.partition === smaller.partition && larger.first <= smaller.first && larger.last >= smaller.last
}

/** Tables lie in folders called by their UUID, below one called by the first three digits of it. */
function tableFolders(store: string): string[] {
  const root = join(store, 'store')
  return namesIn(root).flatMap((start) => namesIn(join(root, start)).map((uuid) => join(root, start, uuid)))
}

function newestLog(folder: string): string | null {
  const number = (name: string) => Number(/^deduplication_log_(\d+)\.txt$/.exec(name)?.[1] ?? -1)
  const logs = namesIn(folder)
    .filter((name) => number(name) >= 0 && readFileSync(join(folder, name)).length > 0)
    .sort((a, b) => number(a) - number(b))
  const newest = logs.at(-1)
  return newest === undefined ? null : join(folder, newest)
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
