// What the database holds, for whoever looks after it.

import type { Database } from './client.ts'

/** `bytes` on disk, what is about to be deleted included; `lastCycleAt` is epoch milliseconds, null while no cycle of ours has ended. */
export type Overview = { version: string; spans: number; bytes: number; parts: number; lastCycleAt: number | null }

type Row = Omit<Overview, 'lastCycleAt'> & { lastCycleAt: string }

export async function readOverview(db: Database): Promise<Overview> {
  const [row] = await db.read<Row>('overview')
  if (!row) throw new Error('a query without GROUP BY returned no row')
  const last = Number(row.lastCycleAt)
  return { ...row, lastCycleAt: last === 0 ? null : last }
}
