// Single cycles: the list of them, and one with its spans as a waterfall.

import { OUTCOMES, type State } from '#model/cycles.ts'
import { BadInput } from '#model/errors.ts'
import type { Database } from '#storage/client.ts'
import {
  type CycleRow,
  type HistoryQuery,
  type Place,
  type RunningRow,
  readCycle,
  readHistory,
  readRunning,
  readRunningCycle,
  readSpans,
  type SpanRow,
  type WithResource,
} from '#storage/cycles.ts'
import { refuseUnknownName } from './names.ts'
import { type WaterfallRow, waterfall } from './waterfall.ts'

/** More spans than this in one cycle are not drawn. */
const MAX_SPANS = 50_000

/** Who began longer ago than this and never ended was killed, and does not head every list for ever. */
const LONGEST_RUN_MS = 7 * 86_400_000

/** Where a page ends: among the running cycles, which come first, or among the finished ones. */
export type Mark = Place & { running: boolean }

/** Finished cycles are those that ended in the range, running ones those that began in it; `now` is epoch milliseconds. */
export type HistoryQuestion = Omit<HistoryQuery, 'outcomes' | 'after'> & {
  outcomes: readonly State[]
  after: Mark | null
  now: number
}

export type AnyCycle = CycleRow | RunningRow

/** `next` is null when there is no further page. */
export type Page = { cycles: AnyCycle[]; next: Mark | null }

/**
 * Cycles, sorted and limited as asked. Those that run come first whatever the order is, since where they will stand in it
 * is not known before they end; among themselves they are in that order by their start, which does not change either.
 * Throws BadInput for an unknown name.
 */
export async function history(db: Database, question: HistoryQuestion): Promise<Page> {
  // One after the other: whose root arrives in between is in both, and not in neither.
  const running = await runningCycles(db, question)
  const finished = running.length > question.limit ? [] : await finishedCycles(db, question)
  const ended = new Set(finished.map(({ traceId }) => traceId))
  const found = [...running.filter(({ traceId }) => !ended.has(traceId)), ...finished]
  const cycles = found.slice(0, question.limit)
  if (cycles.length === 0 && question.name !== null) await refuseUnknownName(db, question.name)
  const last = found.length > cycles.length ? cycles.at(-1) : undefined
  return {
    cycles,
    next: last ? { running: last.outcome === 'running', place: last.place, traceId: last.traceId } : null,
  }
}

/** A bucket is nothing that a running cycle has. */
async function runningCycles(db: Database, question: HistoryQuestion): Promise<(RunningRow & Place)[]> {
  const { name, range, buckets, outcomes, where, slowerThanMs, sort, limit, after, now } = question
  const excluded = buckets.length > 0 || (outcomes.length > 0 && !outcomes.includes('running'))
  if (excluded || (after && !after.running)) return []
  const from = Math.max(range.from, now - LONGEST_RUN_MS)
  // Who has run longer began earlier.
  const to = slowerThanMs === null ? range.to : Math.min(range.to, now - slowerThanMs)
  if (from >= to) return []
  return readRunning(db, { name, range: { from, to }, where, sort, limit: limit + 1, after, now })
}

async function finishedCycles(db: Database, question: HistoryQuestion): Promise<(CycleRow & Place)[]> {
  const { outcomes: states, after, limit, ...rest } = question
  const outcomes = OUTCOMES.filter((outcome) => states.includes(outcome))
  if (states.length > 0 && outcomes.length === 0) return []
  return readHistory(db, { ...rest, outcomes, limit: limit + 1, after: after?.running ? null : after })
}

/** The spans of a running cycle are those that have arrived; its root is not among them. */
export type OneCycle = { cycle: AnyCycle & WithResource; spans: WaterfallRow[] }

/** A cycle and its spans in the order they are drawn. Throws BadInput (`not_found`) saying what is known of the trace. */
export async function oneCycle(db: Database, traceId: string, now: number): Promise<OneCycle> {
  const [cycle, spans] = await Promise.all([eitherCycle(db, traceId, now), readSpans(db, traceId, MAX_SPANS)])
  if (!cycle) throw noCycle(traceId, spans)
  return { cycle, spans: waterfall(spans, cycle.outcome === 'running' ? cycle.startedAt : null) }
}

/** A cycle without its spans, likewise. */
export async function cycleAlone(db: Database, traceId: string, now: number): Promise<AnyCycle & WithResource> {
  const cycle = await eitherCycle(db, traceId, now)
  if (!cycle) throw noCycle(traceId, await readSpans(db, traceId, MAX_SPANS))
  return cycle
}

/** Running first: whose root arrives in between is found as a finished one. */
async function eitherCycle(db: Database, traceId: string, now: number): Promise<(AnyCycle & WithResource) | null> {
  return (await readRunningCycle(db, traceId, now)) ?? readCycle(db, traceId)
}

function noCycle(traceId: string, spans: SpanRow[]): BadInput {
  const known = spans.length === 0 ? 'there are no spans of it' : describeRootless(spans)
  return new BadInput(`trace ${traceId} is no cycle: ${known}`, { code: 'not_found' })
}

function describeRootless(spans: SpanRow[]): string {
  const root = spans.find(({ parentSpanId }) => parentSpanId === '')
  if (!root) return `its root span has not arrived yet (${spans.length} other spans have)`
  return `its root span '${root.name}' of service '${root.service}' has no cycle.name and matches no cycles[].match`
}
