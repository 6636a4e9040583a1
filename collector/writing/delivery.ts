// One batch on its way to the store: attempts with the same id and the same rows, with pauses in between, told in the
// cycles that the rows come from. Never rejects.

import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import type { Ongoing } from '#collector/ongoing.ts'
import type { BatcherSettings } from '#collector/writing/batcher-options.ts'
import { connectionAttributes, describe, statusOf } from '#collector/writing/db.ts'
import { asQuery, type OpenStep, openQuery, openWait } from '#collector/writing/spans.ts'

/** `cycles` are those the rows were added in, in the order of their first row; how many rows each has. */
export type Batch<Row> = { id: string; rows: Row[]; cycles: Map<Ongoing, number> }

/** `refused`: the store said no to what is in it, and has none of it. `given_up`: it may have all of it. */
export type Sent = { state: 'written' } | { state: 'refused' | 'given_up'; error: unknown }

export async function deliver<Row>(settings: BatcherSettings<Row>, batch: Batch<Row>): Promise<Sent> {
  const { clock, tries, withinMs } = settings
  const startedAt = clock.now()
  // What one attempt left uncertain, a later refusal does not make certain.
  let isUncertain = false
  for (let attempt = 1; ; attempt += 1) {
    const failure = await write(settings, batch, attempt)
    if (!failure) return { state: 'written' }
    const { error } = failure
    const verdict = judge(settings, error)
    if (verdict === 'refused') return { state: isUncertain ? 'given_up' : 'refused', error }
    isUncertain = true
    const pauseMs = pauseAfter(settings, attempt)
    const isLate = clock.now() - startedAt + pauseMs > withinMs
    if (verdict === 'give up' || attempt >= tries || isLate) return { state: 'given_up', error }
    await pause(settings, batch, pauseMs)
  }
}

/** Full jitter: anything up to what doubles with each failure. */
function pauseAfter<Row>({ random, pauseMs, longestPauseMs }: BatcherSettings<Row>, failures: number): number {
  return random() * Math.min(longestPauseMs, pauseMs * 2 ** (failures - 1))
}

/** A predicate of the job's that throws says neither. */
function judge<Row>({ refused, retry }: BatcherSettings<Row>, error: unknown): 'refused' | 'retry' | 'give up' {
  try {
    if (refused(error)) return 'refused'
    return retry(error) ? 'retry' : 'give up'
  } catch {
    return 'give up'
  }
}

async function write<Row>(
  settings: BatcherSettings<Row>,
  batch: Batch<Row>,
  attempt: number,
): Promise<{ error: unknown } | undefined> {
  const steps = openSteps(settings, batch, attempt)
  const aborting = new AbortController()
  const { signal } = aborting
  const late = Promise.withResolvers<never>()
  const { clock, timeoutMs } = settings
  const cancel = clock.after(
    timeoutMs,
    () => {
      const error = new DOMException(`the write took longer than ${timeoutMs} ms`, 'TimeoutError')
      aborting.abort(error)
      late.reject(error)
    },
    true,
  )
  try {
    const around = steps[0]?.context ?? asQuery(ROOT_CONTEXT)
    // A copy each time, so that what a write does to its list changes no later attempt.
    const writing = context.with(around, async () => settings.write([...batch.rows], { id: batch.id, attempt, signal }))
    await Promise.race([writing, late.promise])
    for (const step of steps) step.end()
    return undefined
  } catch (error) {
    for (const step of steps) step.fail(error, statusOf(error))
    return { error }
  } finally {
    cancel()
  }
}

/** Every cycle whose rows are in the batch waited for it, so each gets its step, with its own number of rows. */
function openSteps<Row>(
  { db, summary }: BatcherSettings<Row>,
  { id, cycles }: Batch<Row>,
  attempt: number,
): OpenStep[] {
  return [...cycles].map(([ongoing, batchSize]) => {
    const { name, attributes } = describe(summary, { batchSize }, db.system)
    const more = { 'batch.id': id, ...(attempt > 1 ? { 'batch.attempt': attempt } : {}) }
    return openQuery(ongoing, ongoing, name, { ...connectionAttributes(db), ...attributes, ...more })
  })
}

function pause<Row>({ clock, summary }: BatcherSettings<Row>, { cycles }: Batch<Row>, ms: number): Promise<void> {
  const ends = [...cycles.keys()].map((ongoing) => openWait(ongoing, ongoing, `before ${summary} again`, 'backoff'))
  return new Promise((resolve) => {
    clock.after(
      ms,
      () => {
        for (const end of ends) end()
        resolve()
      },
      true,
    )
  })
}
