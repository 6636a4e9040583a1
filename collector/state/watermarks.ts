// How far the good runs of a cycle came: the greatest value of each name, which never goes back.

import type { DatabaseSync } from 'node:sqlite'
import { checkName } from '#collector/arguments.ts'
import { damagedError } from '#collector/state/damage.ts'
import { digest } from '#collector/state/digest.ts'
import type { StateFile } from '#collector/state/file.ts'
import { checkMark, compareMarks, type Mark } from '#collector/state/moments.ts'
import { BadInput } from '#model/errors.ts'

export type Watermark<T extends Mark = Mark> = {
  /** The greatest value so far, of this run's advances and what good runs before it left; undefined before the first. */
  readonly value: T | undefined
  /** Moves up to `next`; a smaller one and undefined change nothing. Throws BadInput for another kind of value. */
  advance(next: T | undefined): void
}

export type Watermarks = {
  /** One object per name. Throws Unavailable when the file cannot be read. */
  watermark<T extends Mark>(name: string): Watermark<T>
  /** Writes what this run came to, inside a transaction. */
  commit(database: DatabaseSync): void
}

type Level = { value: Mark | undefined; handle: Watermark }

export function watermarksOf(file: StateFile, cycle: string): Watermarks {
  const levels = new Map<string, Level>()
  return {
    watermark<T extends Mark>(name: string) {
      checkName(name, 'the name of a watermark')
      const level =
        levels.get(name) ??
        levelOf(
          name,
          file.use((database) => read(database, cycle, name)),
        )
      levels.set(name, level)
      return level.handle as Watermark<T>
    },
    commit(database) {
      for (const [name, { value }] of levels) if (value !== undefined) write(database, cycle, name, value)
    },
  }
}

function levelOf(name: string, value: Mark | undefined): Level {
  const handle: Watermark = {
    get value() {
      return level.value
    },
    advance(next) {
      if (next === undefined) return
      checkMark(next, name)
      if (level.value !== undefined && typeof level.value !== typeof next) {
        throw new BadInput(`watermark '${name}' is a ${typeof level.value}; it cannot advance to a ${typeof next}`)
      }
      if (level.value !== undefined && compareMarks(next, level.value) <= 0) return
      level.value = next
    },
  }
  const level: Level = { value, handle }
  return level
}

/** Undefined for a row that is not as it was written. */
function read(database: DatabaseSync, cycle: string, name: string): Mark | undefined {
  const row = database
    .prepare('SELECT value, sum FROM cyclewatch_watermarks WHERE cycle = ? AND name = ?')
    .get(cycle, name)
  if (typeof row?.value !== 'string' || row.sum !== digest(cycle, name, row.value)) return undefined
  return decoded(row.value)
}

/** Another run may have come further meanwhile; where it is there already, nothing is written. */
function write(database: DatabaseSync, cycle: string, name: string, value: Mark): void {
  const there = read(database, cycle, name)
  if (there !== undefined && typeof there === typeof value && compareMarks(value, there) <= 0) return
  const text = encoded(value)
  database
    .prepare('INSERT OR REPLACE INTO cyclewatch_watermarks (cycle, name, value, sum) VALUES (?, ?, ?, ?)')
    .run(cycle, name, text, digest(cycle, name, text))
  if (read(database, cycle, name) !== value) throw damagedError('it does not find what was just written')
}

function encoded(mark: Mark): string {
  return `${typeof mark}:${mark}`
}

function decoded(text: string): Mark {
  const mark = text.slice(text.indexOf(':') + 1)
  if (text.startsWith('number:')) return Number(mark)
  return text.startsWith('bigint:') ? BigInt(mark) : mark
}
