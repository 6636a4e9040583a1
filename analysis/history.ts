// Single cycles: the list of them, and one with its spans as a waterfall.

import { BadInput } from '#model/errors.ts'
import type { Database } from '#storage/client.ts'
import { type CycleRow, type HistoryQuery, type Place, readCycle, readHistory, readSpans } from '#storage/cycles.ts'
import { refuseUnknownName } from './names.ts'
import { type WaterfallRow, waterfall } from './waterfall.ts'

/** More spans than this in one cycle are not drawn. */
const MAX_SPANS = 50_000

/** `next` is null when there is no further page. */
export type Page = { cycles: CycleRow[]; next: Place | null }

/** Finished cycles, sorted and limited as asked. Throws BadInput for an unknown name. */
export async function history(db: Database, query: HistoryQuery): Promise<Page> {
  const found = await readHistory(db, { ...query, limit: query.limit + 1 })
  const cycles = found.slice(0, query.limit)
  if (cycles.length === 0 && query.name !== null) await refuseUnknownName(db, query.name)
  const last = found.length > cycles.length ? cycles.at(-1) : undefined
  return { cycles, next: last ? { place: last.place, traceId: last.traceId } : null }
}

/** A cycle and its spans in the order they are drawn. Throws BadInput (`not_found`) saying what is known of the trace. */
export async function oneCycle(db: Database, traceId: string): Promise<{ cycle: CycleRow; spans: WaterfallRow[] }> {
  const [cycle, spans] = await Promise.all([readCycle(db, traceId), readSpans(db, traceId, MAX_SPANS)])
  if (cycle) return { cycle, spans: waterfall(spans) }
  const known = spans.length === 0 ? 'there are no spans of it' : describeRootless(spans)
  throw new BadInput(`trace ${traceId} is no finished cycle: ${known}`, { code: 'not_found' })
}

function describeRootless(spans: { name: string; parentSpanId: string; service: string }[]): string {
  const root = spans.find(({ parentSpanId }) => parentSpanId === '')
  if (!root) return `its root span has not arrived yet (${spans.length} other spans have)`
  return `its root span '${root.name}' of service '${root.service}' has no cycle.name and matches no cycles[].match`
}
