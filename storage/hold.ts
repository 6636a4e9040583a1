// A folder that one process at a time may use.

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { messageOf, Unavailable } from '#model/errors.ts'

/** SQLite's code for a database that another process has locked. */
const BUSY = 5

/**
 * Holds an existing folder until `release`. SQLite locks a file in it, and the kernel gives that up however the process
 * ends. Throws Unavailable, with `inUse` as its message, while another process holds it.
 */
export function holdFolder(folder: string, inUse: string): { release(): void } {
  const lock = new DatabaseSync(join(folder, 'lock'), { open: false, timeout: 0 })
  try {
    lock.open()
    lock.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    if (lock.isOpen) lock.close()
    const busy = (cause as { errcode?: number }).errcode === BUSY
    throw new Unavailable(busy ? inUse : `${folder} cannot be used: ${messageOf(cause)}`, { cause })
  }
  return {
    release() {
      if (lock.isOpen) lock.close()
    },
  }
}
