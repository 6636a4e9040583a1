// A little of the disk that is given up when the rest is full. Removing a segment begins with writing its receipt: a
// spool that has filled the disk to its last block could never empty itself.

import { open, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'

/** The receipts of some segments, or a few bodies for quarantine. */
const RESERVE_BYTES = 2 ** 18

export type Reserve = {
  /** Writes something small, on a full disk with the space of the reserve. */
  write(write: () => Promise<void>): Promise<void>
  /** To be called when space may have returned. */
  restore(): Promise<void>
  /** Until it is there again nothing may be accepted, or it would take the space. */
  isSpent(): boolean
}

/** Takes over the reserve an earlier process left, or makes one if there is space. */
export async function keepReserve(folder: string): Promise<Reserve> {
  const path = join(folder, 'reserve')
  let spent = !((await isWhole(path)) || (await fill(path)))
  let last: Promise<void> = Promise.resolve()
  // What one gives up the other must not take back before it was used.
  function inTurn(work: () => Promise<void>): Promise<void> {
    const turn = last.then(work)
    last = turn.catch(() => {})
    return turn
  }

  return {
    async write(write) {
      try {
        await write()
      } catch (error) {
        if (!isDiskFull(error)) throw error
        await inTurn(async () => {
          spent = true
          await truncate(path, 0).catch(() => {})
          await write()
        })
      }
    },
    restore: () =>
      inTurn(async () => {
        if (spent) spent = !(await fill(path))
      }),
    isSpent: () => spent,
  }
}

/** Says whether there was space for it. */
async function fill(path: string): Promise<boolean> {
  const file = await open(path, 'w', 0o600).catch(() => null)
  if (file === null) return false
  try {
    await file.writeFile(Buffer.alloc(RESERVE_BYTES))
    await file.datasync()
    return true
  } catch {
    // A part of it is no reserve, but enough for a receipt.
    await file.truncate(0).catch(() => {})
    return false
  } finally {
    await file.close().catch(() => {})
  }
}

async function isWhole(path: string): Promise<boolean> {
  return stat(path).then(
    ({ size }) => size === RESERVE_BYTES,
    () => false,
  )
}

function isDiskFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')
}
