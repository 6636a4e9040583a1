// Materialized views see only what is inserted after them. What a Collector had stored before is brought in here.

import type { Database } from './client.ts'

/** Views that make rows of otel_traces, by the table they fill; both tables keep a span that comes twice once. */
const VIEWS = { root_spans: 'root_spans_mv', child_spans: 'child_spans_mv' }

/**
 * Fills root_spans and child_spans from what otel_traces already holds, a day at a time, newest first, so that no statement
 * takes long. Can be repeated.
 */
export async function backfill(db: Database): Promise<void> {
  const days = await db.read<{ day: string }>('trace_days')
  for (const [table, view] of Object.entries(VIEWS)) {
    const [definition] = await db.read<{ select: string }>('view_select', { view })
    if (!definition) throw new Error(`the view ${view} is missing`)
    // The view's own SELECT, which ends in its WHERE: a second copy of it could differ.
    for (const { day } of days) {
      await db.run(`INSERT INTO ${table} ${definition.select} AND toDate(Timestamp) = {day:Date}`, { day })
    }
  }
}
