// batcher: rows gathered and written many at once, each exactly once in a store that honours the batch's id.

import { current } from '#collector/ongoing.ts'
import { type BatcherOptions, batcherSettings } from '#collector/writing/batcher-options.ts'
import { type Batches, createBatches, type Receipt } from '#collector/writing/batches.ts'
import { stayFor, stayNoLongerFor } from '#collector/writing/leaving.ts'
import { openWait } from '#collector/writing/spans.ts'
import { BadInput } from '#model/errors.ts'

export type Batcher<Row> = AsyncDisposable & {
  /**
   * Resolves when the row is taken, at once while fewer than `maxWaiting` are held: whoever awaits it adds no faster
   * than the store takes. Rejects with BadInput after `close`.
   */
  add(row: Row): Promise<void>
  /** `add` for each; of an iterable it takes the next only when there is room. */
  addAll(rows: Iterable<Row> | AsyncIterable<Row>): Promise<void>
  /** Adds, and resolves when the row is written. Rejects with the write's error when it was given up. */
  save(row: Row): Promise<void>
  /**
   * Writes without waiting for company; resolves when all rows added so far are written. Rejects with Unavailable when
   * some of them were given up, or some before of which neither `save` nor `onGiveUp` told.
   */
  flush(): Promise<void>
  /** `flush`, after which nothing can be added. Again it only flushes. */
  close(): Promise<void>
  /** Rows taken and not yet written or given up. */
  readonly held: number
}

/**
 * Throws BadInput for options that cannot be. Make it once, at module level, and use it in many cycles: a row belongs
 * to the cycle it was added in, which tells each write with its rows as a step, and the time `add` was held as a wait.
 *
 * When the event loop runs empty, what is held is written before the process ends, and rows given up then, without
 * `onGiveUp`, end it with an error. On SIGINT and SIGTERM writing gets 5 s, unless the job listens to them itself.
 * `process.exit` and errors nobody caught leave no time: what is held goes to `onGiveUp`. `kill -9` loses it.
 */
export function batcher<Row>(options: BatcherOptions<Row>): Batcher<Row> {
  const settings = batcherSettings(options)
  const batches = createBatches(settings, (held) => {
    if (held) stayFor(leaver)
    else stayNoLongerFor(leaver)
  })
  const leaver = {
    flush: () => batches.flush().catch((error: unknown) => (options.onGiveUp ? undefined : Promise.reject(error))),
    abandon: (error: Error) => batches.abandon(error),
  }
  let closed = false
  const take = (row: Row, receipt?: Receipt) =>
    closed ? Promise.reject(new BadInput('the batcher is closed; nothing can be added')) : taken(batches, row, receipt)
  const close = () => {
    closed = true
    return batches.flush()
  }
  return {
    add: (row) => take(row) ?? TAKEN,
    async addAll(rows) {
      if (Symbol.iterator in rows) {
        for (const row of rows) {
          const room = take(row)
          if (room) await room
        }
      } else for await (const row of rows) await take(row)
    },
    save: (row) =>
      new Promise((resolve, reject) => {
        take(row, { resolve, reject })?.catch(reject)
      }),
    flush: () => batches.flush(),
    close,
    get held() {
      return batches.held()
    },
    [Symbol.asyncDispose]: close,
  }
}

const TAKEN = Promise.resolve()

/** Undefined when there was room. The time there was none is a wait of the cycle. */
function taken<Row>(batches: Batches<Row>, row: Row, receipt: Receipt | undefined): Promise<void> | undefined {
  const around = current()
  const room = batches.add({ row, cycle: around?.ongoing, receipt })
  if (!room || !around) return room
  return room.then(openWait(around.ongoing, around.place, 'wait for room to write', 'queue'))
}
