// A store in a file: outlives the process, may be shared by several, and never takes more room than it was given.

import { closeSync, mkdirSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { checkWhole } from '#collector/amounts.ts'
import type { CacheStore } from '#collector/cache/stores.ts'
import { isDamage } from '#collector/state/damage.ts'
import { warn } from '#collector/telemetry/trouble.ts'
import { BadInput, messageOf } from '#model/errors.ts'

export type SqliteStoreOptions = {
  /** Of the file. Its log beside it takes up to 4 MB more, or what the largest entry takes. */
  maxBytes: number
  /** Larger ones are not kept. Default: an eighth of `maxBytes`. */
  maxEntryBytes?: number | undefined
}

export type SqliteStore = CacheStore & {
  /** The next call opens the file again. */
  close(): void
}

type Opened = {
  database: DatabaseSync
  /** Tells whether the path still leads to this file. */
  inode: number
  get: StatementSync
  insert: StatementSync
  drop: StatementSync
  dropExpired: StatementSync
  dropOldest: StatementSync
  pageCount: StatementSync
  freePages: StatementSync
}

/** SQLite's `application_id` of our files, at this offset of their header. */
const APPLICATION_ID = 0x63_79_63_68
const ID_OFFSET = 68
const PAGE_BYTES = 4_096
/** How long another process's write is waited for; nothing else runs here meanwhile. */
const BUSY_MS = 100
const SQLITE_BUSY = 5
/** A file that cannot be opened is tried again after this, not at each look-up. */
const BROKEN_MS = 10_000

/**
 * `get`, `set` and `delete` throw when the file cannot be used; caches take that for a miss. A damaged one is set aside as
 * `FILE.corrupt` and begun anew, one of something else is left alone. The file is opened when first needed. What was set
 * first is the first to make room. Throws BadInput for a bound that is none. `now` in epoch ms.
 */
export function sqliteStore(file: string, options: SqliteStoreOptions, now: () => number = Date.now): SqliteStore {
  if (typeof file !== 'string' || file === '') throw new BadInput('an SQLite store needs the path of its file')
  const maxBytes = checkWhole(options?.maxBytes, 'maxBytes of an SQLite store', {
    least: 32 * PAGE_BYTES,
    unit: 'bytes',
  })
  const given = options.maxEntryBytes ?? Math.floor(maxBytes / 8)
  const maxEntryBytes = Math.min(
    checkWhole(given, 'maxEntryBytes of an SQLite store', { unit: 'bytes' }),
    Math.floor(maxBytes / 2),
  )
  const maxPages = Math.floor(maxBytes / PAGE_BYTES)
  const { use, close } = keptOpen(file, maxPages)
  return {
    close,
    get(key) {
      const row = use(({ get }) => get.get(key)) as { bytes: Uint8Array; expires_at: number } | undefined
      return row && row.expires_at >= now() ? row.bytes : undefined
    },
    set(key, bytes, { ttlMs }) {
      use((opened) =>
        inTransaction(opened.database, () => {
          // The old one goes even when the new one is not kept: it is out of date.
          opened.drop.run(key)
          opened.dropExpired.run(now())
          if (bytes.byteLength > maxEntryBytes) return
          makeRoom(opened, maxPages - pagesFor(key, bytes))
          opened.insert.run(key, bytes, Math.ceil(now() + ttlMs))
        }),
      )
    },
    delete(key) {
      use(({ drop }) => drop.run(key))
    },
  }
}

type Use = <T>(work: (opened: Opened) => T) => T

/** Opens the file when needed, again after another process began it anew, and anew itself when it is damaged. */
function keptOpen(file: string, maxPages: number): { use: Use; close(): void } {
  let opened: Opened | undefined
  let broken: { error: unknown; until: number } | undefined
  const close = () => {
    const { database } = opened ?? {}
    opened = undefined
    if (database?.isOpen) database.close()
  }
  const reopened = (): Opened => {
    if (opened && opened.inode !== inodeOf(file)) close()
    if (opened) return opened
    if (broken && performance.now() < broken.until) throw broken.error
    try {
      opened = open(file, maxPages)
    } catch (error) {
      if (!isBusy(error) && !isDamage(error)) broken = { error, until: performance.now() + BROKEN_MS }
      throw error
    }
    return opened
  }
  const use: Use = (work) => {
    const inode = opened?.inode ?? inodeOf(file)
    try {
      return work(reopened())
    } catch (error) {
      if (!isDamage(error)) throw error
      close()
      if (inode === inodeOf(file) && !setAside(file, error)) {
        broken = { error, until: performance.now() + BROKEN_MS }
        throw error
      }
    }
    return work(reopened())
  }
  return { use, close }
}

function open(file: string, maxPages: number): Opened {
  mkdirSync(dirname(file), { recursive: true })
  // For nobody else's eyes: it holds what a job fetched with its credentials.
  closeSync(openSync(file, 'a', 0o600))
  const inode = inodeOf(file) as number
  // Loaded by jobs that use it only: Node may warn that it is experimental.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  const database = new DatabaseSync(file, { timeout: BUSY_MS })
  try {
    prepare(database, file, maxPages)
    const oldest = 'SELECT id FROM cyclewatch_cache ORDER BY id LIMIT ?'
    return {
      database,
      inode,
      get: database.prepare('SELECT bytes, expires_at FROM cyclewatch_cache WHERE key = ?'),
      insert: database.prepare('INSERT INTO cyclewatch_cache (key, bytes, expires_at) VALUES (?, ?, ?)'),
      drop: database.prepare('DELETE FROM cyclewatch_cache WHERE key = ?'),
      dropExpired: database.prepare('DELETE FROM cyclewatch_cache WHERE expires_at < ?'),
      dropOldest: database.prepare(`DELETE FROM cyclewatch_cache WHERE id IN (${oldest})`),
      pageCount: database.prepare('PRAGMA page_count'),
      freePages: database.prepare('PRAGMA freelist_count'),
    }
  } catch (error) {
    database.close()
    throw error
  }
}

/** With NORMAL a power cut may lose what was kept last, which a cache may. */
function prepare(database: DatabaseSync, file: string, maxPages: number): void {
  database.exec('PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON')
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
  const { application_id: id } = database.prepare('PRAGMA application_id').get() as { application_id: number }
  if (tables.length > 0 && id !== APPLICATION_ID) {
    throw new BadInput(`${file} is a database of something else; give the cache a file of its own`)
  }
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA journal_size_limit = 4194304;
    PRAGMA max_page_count = ${maxPages};
    BEGIN IMMEDIATE;
    PRAGMA application_id = ${APPLICATION_ID};
    CREATE TABLE IF NOT EXISTS cyclewatch_cache (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, bytes BLOB NOT NULL, expires_at INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS cyclewatch_cache_by_expiry ON cyclewatch_cache (expires_at);
    COMMIT`)
}

function inTransaction(database: DatabaseSync, work: () => void): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    work()
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** The pages in use are what counts; those of deleted entries are written again. */
function makeRoom({ pageCount, freePages, dropOldest }: Opened, maxPages: number): void {
  const used = () => Number(Object.values(pageCount.get() ?? {})[0]) - Number(Object.values(freePages.get() ?? {})[0])
  for (let count = 1; used() > maxPages; count *= 2) if (dropOldest.run(count).changes === 0) return
}

/** A blob's pages, and what its key, its row and a split of the trees may take. */
function pagesFor(key: string, bytes: Uint8Array): number {
  return Math.ceil((bytes.byteLength + 3 * key.length) / (PAGE_BYTES - 16)) + 6
}

/** False when it was not one of ours, as far as anybody can see. */
function setAside(file: string, error: unknown): boolean {
  if (idOf(file) !== APPLICATION_ID) return false
  const aside = `${file}.corrupt`
  // The log first: SQLite would play it into whatever file it finds beside it.
  for (const end of ['-wal', '-shm']) rmSync(`${file}${end}`, { force: true })
  renameSync(file, aside)
  warn(`the cache in ${file} was damaged (${messageOf(error)}); it is set aside as ${aside} and begins anew`)
  return true
}

function idOf(file: string): number | undefined {
  const head = Buffer.alloc(ID_OFFSET + 4)
  const opened = openSync(file, 'r')
  try {
    return readSync(opened, head) < head.byteLength ? undefined : head.readUInt32BE(ID_OFFSET)
  } finally {
    closeSync(opened)
  }
}

function inodeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.ino
}

function isBusy(error: unknown): boolean {
  return ((error as { errcode?: number } | null)?.errcode ?? 0) % 256 === SQLITE_BUSY
}
