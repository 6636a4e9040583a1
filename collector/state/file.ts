// One state file: opened when needed, set aside when damaged, opened anew when another process did that.

import { closeSync, mkdirSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { HEAD_BYTES, isDamage, isOurs, isSqlite } from '#collector/state/damage.ts'
import { prepareTables } from '#collector/state/tables.ts'
import { BadInput, messageOf, Unavailable } from '#model/errors.ts'

export type StateFile = {
  readonly path: string
  /** Another number when what was read before may be gone: the file is not the one it was. */
  generation(): number
  /**
   * Runs `work`, which may be run twice: when the file turns out to be damaged, it is set aside as `PATH.corrupt`, over
   * an earlier one, and `work` gets an empty one. Throws Unavailable when the file cannot be used at the moment, and
   * BadInput when it is a file of something else.
   */
  use<T>(work: (database: DatabaseSync) => T): T
  /** The next use opens it again. */
  close(): void
}

/** `inode` tells whether the path still leads to this file. */
type Opened = { database: DatabaseSync; inode: number }

export function stateFile(path: string, onReset: (message: string) => void): StateFile {
  let opened: Opened | undefined
  let lastInode: number | undefined
  let generation = 0
  const close = () => {
    const { database } = opened ?? {}
    opened = undefined
    if (database?.isOpen) database.close()
  }
  const run = <T>(work: (database: DatabaseSync) => T, inode: number | undefined): T => {
    if (opened && opened.inode !== inode) {
      close()
      // Not by the new inode alone: it may be the one that closing set free.
      generation += 1
    }
    opened ??= open(path)
    if (opened.inode !== lastInode) generation += 1
    lastInode = opened.inode
    return work(opened.database)
  }
  /** Makes way for another try, or throws the error again. */
  const recover = (error: unknown, inode: number | undefined) => {
    if (isSqlite(error) || isDamage(error)) close()
    const isAnother = isSqlite(error) && inode !== undefined && inode !== inodeOf(path)
    if (!isAnother && !isDamage(error)) throw error
    // Unless another process did it in this moment.
    if (!isAnother) onReset(setAside(path, error))
    generation += 1
  }
  const use = <T>(work: (database: DatabaseSync) => T): T => {
    const inode = inodeOf(path)
    try {
      return run(work, inode)
    } catch (error) {
      recover(error, inode)
      return run(work, inodeOf(path))
    }
  }
  return { path, close, generation: () => generation, use: (work) => told(path, () => use(work)) }
}

/** Throws Unavailable in place of what SQLite and the system throw. */
function told<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    const isOfSystem = error instanceof Error && 'syscall' in error
    if (!isSqlite(error) && !isDamage(error) && !isOfSystem) throw error
    throw new Unavailable(`the state in ${path} cannot be used: ${messageOf(error)}`, { cause: error })
  }
}

function open(path: string): Opened {
  mkdirSync(dirname(path), { recursive: true })
  // For nobody else's eyes: what a job fetched with its credentials may lie here. SQLite's own files get the same rights.
  closeSync(openSync(path, 'a', 0o600))
  const inode = statSync(path).ino
  // Loaded by jobs that keep state only.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  const database = new DatabaseSync(path)
  try {
    prepareTables(database, path)
    return { database, inode }
  } catch (error) {
    database.close()
    throw error
  }
}

function setAside(path: string, error: unknown): string {
  if (!isOurs(headOf(path))) {
    const advice = 'give the state a file of its own, or remove this one if it was one'
    throw new BadInput(`${path} is not a state file (${messageOf(error)}); ${advice}`)
  }
  const aside = `${path}.corrupt`
  for (const end of ['', '-wal', '-shm']) rmSync(`${aside}${end}`, { force: true })
  // The log first: SQLite would play it into whatever file it finds beside it.
  move(`${path}-wal`, `${aside}-wal`)
  rmSync(`${path}-shm`, { force: true })
  move(path, aside)
  return `the state in ${path} was damaged (${messageOf(error)}); it is set aside as ${aside} and begins anew`
}

function move(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error
  }
}

function headOf(path: string): Buffer {
  const file = openSync(path, 'r')
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    return head.subarray(0, readSync(file, head))
  } finally {
    closeSync(file)
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino
}
