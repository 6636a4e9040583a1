// Names of cycles that people type.

import { BadInput } from '#model/errors.ts'
import { nearest } from '#model/nearest.ts'
import type { Database } from '#storage/client.ts'
import { readCycleNames } from '#storage/cycles.ts'

/** Nothing was found under this name: throws BadInput when the reason is that no cycle has ever had it. */
export async function refuseUnknownName(db: Database, name: string): Promise<void> {
  const names = await readCycleNames(db)
  if (names.includes(name)) return
  const close = nearest(name, names)
  const hint = close
    ? `did you mean '${close}'?`
    : names.length > 0
      ? `known are ${names.slice(0, 5).join(', ')}${names.length > 5 ? ', …' : ''}`
      : ''
  throw new BadInput(`no cycle is named '${name}'${hint ? `; ${hint}` : '; no cycle has been recorded yet'}`, {
    code: 'not_found',
  })
}
