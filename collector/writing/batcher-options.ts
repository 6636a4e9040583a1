// What a batcher is told, checked and with its defaults.

import { checkFunction, checkName } from '#collector/arguments.ts'
import { connectionAttributes, type DbOptions } from '#collector/writing/db.ts'
import { BadInput } from '#model/errors.ts'

/** What a write knows of its batch. */
export type BatchInfo = {
  /**
   * The same for every attempt at these rows: a store that keeps it, and takes a batch of a known id for written, holds
   * each row once although an attempt whose answer was lost is repeated.
   */
  id: string
  /** 1 for the first. */
  attempt: number
  /** Aborts when the attempt has taken `timeoutMs`. */
  signal: AbortSignal
}

export type BatcherOptions<Row> = {
  /** The most rows in one write. */
  size: number
  /** How long a row waits for company. */
  everyMs: number
  /** Writes all of the rows or none. Gets the same rows in the same order at each attempt. */
  write(rows: Row[], batch: BatchInfo): unknown
  /** The most rows held, those being written among them; at least `size`. Default: ten batches. */
  maxWaiting?: number | undefined
  /** How many writes at once. Default: 1, which keeps the order between batches too. */
  concurrency?: number | undefined
  /** Names the steps: what a write does, in a few words such as `INSERT prices`. Default: `write`. */
  summary?: string | undefined
  /** What is written to, as the steps tell it. Default: `{ system: 'other_sql' }`. */
  db?: DbOptions | undefined
  /** The most attempts at a batch. Default: 8. */
  tries?: number | undefined
  /** No attempt begins later than this after the first. Default: 2 min. */
  withinMs?: number | undefined
  /** An attempt that takes longer has failed, whether or not it heeds its signal. Default: 30 s. */
  timeoutMs?: number | undefined
  /** The longest pause after the first failure; twice as long after each further one. Default: 100 ms. */
  pauseMs?: number | undefined
  /** Default: 10 s. */
  longestPauseMs?: number | undefined
  /** Whether to try again after this error. Default: after all that are not `refused`. */
  retry?: ((error: unknown) => boolean) | undefined
  /**
   * Whether the error says that the store took none of the batch because of what is in it. Such a batch is halved until
   * the row at fault stands alone, so that it takes no other down. Default: BadInput.
   */
  refused?: ((error: unknown) => boolean) | undefined
  /**
   * Gets the rows that were given up, in order. An answer may have been lost, so some may be written all the same.
   * Also called, and not waited for, with what is held when the process ends by `process.exit`, an error or a signal.
   */
  onGiveUp?: ((rows: Row[], error: unknown) => void) | undefined
  clock?: Clock | undefined
  /** From 0 to below 1. */
  random?: (() => number) | undefined
  /** Makes the ids. Default: random UUIDs. */
  newId?: (() => string) | undefined
}

export type Clock = {
  /** Milliseconds of any origin that never go back. */
  now(): number
  /** Calls `fn` after `ms`; the returned function prevents it. Keeps the process alive meanwhile when it `holds`. */
  after(ms: number, fn: () => void, holds: boolean): () => void
}

export type BatcherSettings<Row> = Pick<BatcherOptions<Row>, 'onGiveUp'> & {
  [Key in Exclude<keyof BatcherOptions<Row>, 'onGiveUp'>]-?: Exclude<BatcherOptions<Row>[Key], undefined>
}

const CLOCK: Clock = {
  now: () => performance.now(),
  after(ms, fn, holds) {
    const timer = setTimeout(fn, ms)
    if (!holds) timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Throws BadInput with every problem found. */
export function batcherSettings<Row>(options: BatcherOptions<Row>): BatcherSettings<Row> {
  checkFunction(options?.write, 'the write of a batcher')
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const settings: BatcherSettings<Row> = {
    maxWaiting: options.size * 10,
    concurrency: 1,
    summary: 'write',
    db: { system: 'other_sql' },
    tries: 8,
    withinMs: 120_000,
    timeoutMs: 30_000,
    pauseMs: 100,
    longestPauseMs: 10_000,
    retry: () => true,
    refused: (error: unknown) => error instanceof BadInput,
    clock: CLOCK,
    random: Math.random,
    newId: () => crypto.randomUUID(),
    ...(given as BatcherOptions<Row>),
  } as BatcherSettings<Row>
  checkName(settings.summary, 'the summary of a batcher')
  connectionAttributes(settings.db)
  checkNumbers(settings)
  return settings
}

const LONGEST_MS = 2 ** 31 - 1

function checkNumbers<Row>(settings: BatcherSettings<Row>): void {
  const { size, maxWaiting } = settings
  const counts = { size, maxWaiting, concurrency: settings.concurrency, tries: settings.tries }
  const { everyMs, withinMs, timeoutMs, pauseMs, longestPauseMs } = settings
  const times = { everyMs, withinMs, timeoutMs, pauseMs, longestPauseMs }
  const problems = [
    ...Object.entries(counts)
      .filter(([, count]) => !(Number.isSafeInteger(count) && count >= 1))
      .map(([path, count]) => ({ path, message: `is ${String(count)}; it must be a whole number from 1` })),
    ...Object.entries(times)
      .filter(([, ms]) => !(typeof ms === 'number' && ms >= 0 && ms <= LONGEST_MS))
      .map(([path, ms]) => ({ path, message: `is ${String(ms)}; it must be milliseconds from 0 to ${LONGEST_MS}` })),
  ]
  if (problems.length === 0 && maxWaiting < size) {
    problems.push({ path: 'maxWaiting', message: `is ${maxWaiting}; it must be at least size, which is ${size}` })
  }
  if (problems.length === 0) return
  const lines = problems.map(({ path, message }) => `${path} ${message}`)
  throw new BadInput(`the batcher cannot work: ${lines.join('; ')}`, { problems })
}
