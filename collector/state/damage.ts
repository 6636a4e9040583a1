// Which errors mean that a state file is damaged, and whether a damaged file was one of ours. Pure.

/** SQLite's `application_id` of our files, at offset 68 of their header. */
export const APPLICATION_ID = 0x63796377
/** Every table's name begins so, and page 1 has the names. */
export const TABLE_PREFIX = 'cyclewatch_'
/** What `isOurs` looks at: page 1. */
export const HEAD_BYTES = 4_096

const MAGIC = Buffer.from('SQLite format 3\0')
const ID_OFFSET = 68

/** What the machine or another process is to blame for, by SQLite's primary code; the file is as it was. */
const TROUBLES: Record<number, string> = {
  3: 'PERM',
  5: 'BUSY',
  6: 'LOCKED',
  7: 'NOMEM',
  8: 'READONLY',
  9: 'INTERRUPT',
  10: 'IOERR',
  13: 'FULL',
  14: 'CANTOPEN',
  15: 'PROTOCOL',
  22: 'NOLFS',
  23: 'AUTH',
}
/** Extended codes of IOERR for a file that ends too soon or whose file system found it damaged. */
const DAMAGED_READS = new Set([522, 8_458])

/** Codes of what Node throws for a row that cannot be what was written. */
const IMPOSSIBLE_VALUES = new Set(['ERR_OUT_OF_RANGE', 'STATE_DAMAGED'])

export function isSqlite(error: unknown): error is Error & { errcode: number } {
  return error instanceof Error && (error as { code?: unknown }).code === 'ERR_SQLITE_ERROR'
}

export function isDamage(error: unknown): boolean {
  if (isSqlite(error)) return DAMAGED_READS.has(error.errcode) || !((error.errcode & 0xff) in TROUBLES)
  return IMPOSSIBLE_VALUES.has((error as { code?: string } | null)?.code ?? '')
}

/** For a file of ours whose content is not what we wrote. */
export function damagedError(message: string): Error {
  return Object.assign(new Error(message), { code: 'STATE_DAMAGED' })
}

/**
 * Whether an unreadable file may be taken for ours by its first bytes, which may be damaged as well. A file of something
 * else, named by mistake, must stay where it is.
 */
export function isOurs(head: Buffer): boolean {
  if (head.every((byte) => byte === 0)) return true
  if (head.length < ID_OFFSET + 4) return head.equals(MAGIC.subarray(0, head.length)) || head.indexOf(MAGIC) === 0
  return head.readUInt32BE(ID_OFFSET) === APPLICATION_ID || head.includes(TABLE_PREFIX)
}
