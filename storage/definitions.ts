// The configured definitions of cycles, kept where every query can join them.

import type { Definition } from '#model/definitions.ts'
import type { Database } from './client.ts'

type DefinitionRow = { name: string; service: string; span: string; fastMs: number; normalMs: number; slowMs: number }

/** Makes the stored definitions equal to these; `now` is epoch milliseconds. A clock that was set back does no harm. */
export async function writeDefinitions(db: Database, definitions: Definition[], now: number): Promise<void> {
  const stored = await db.read<DefinitionRow>('cycle_definitions')
  const wanted = definitions.map(toRow)
  const names = new Set(wanted.map(({ name }) => name))
  for (const row of wanted) {
    const known = stored.find(({ name }) => name === row.name)
    if (!known || !sameRow(known, row)) await writeRow(db, row, false, now)
  }
  for (const row of stored) {
    if (!names.has(row.name)) await writeRow(db, row, true, now)
  }
}

function toRow({ name, match, bounds }: Definition): DefinitionRow {
  return { name, service: match?.service ?? '', span: match?.span ?? '', ...bounds }
}

function sameRow(a: DefinitionRow, b: DefinitionRow): boolean {
  return (Object.keys(a) as (keyof DefinitionRow)[]).every((key) => a[key] === b[key])
}

async function writeRow(db: Database, row: DefinitionRow, deleted: boolean, now: number): Promise<void> {
  await db.run(
    `INSERT INTO cycle_definitions
     SELECT {name:String}, {service:String}, {span:String}, {fastMs:Float64}, {normalMs:Float64}, {slowMs:Float64},
            {deleted:Bool},
            greatest(fromUnixTimestamp64Milli({now:Int64}, 'UTC'), (SELECT max(UpdatedAt) FROM cycle_definitions) + toIntervalMillisecond(1))`,
    { ...row, deleted, now },
  )
}
