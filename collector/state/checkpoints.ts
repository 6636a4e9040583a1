// run.checkpoint: the result of a piece of work, kept until the cycle has ended well once.

import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { checkFunction, checkName } from '#collector/arguments.ts'
import type { StateFile } from '#collector/state/file.ts'
import {
  lastResult,
  type Result,
  readResult,
  removeResults,
  removeResultsBefore,
  type Writer,
} from '#collector/state/results.ts'
import { BadInput, messageOf } from '#model/errors.ts'

export type CheckpointOptions = {
  /** A kept result that is older is not taken. Default: 24 hours. */
  maxAgeMs?: number | undefined
}

export type Checkpoints = {
  checkpoint<T>(key: string, fn: () => T | PromiseLike<T>, options?: CheckpointOptions): Promise<T>
  /** Removes the results, inside a transaction: the run ended well. */
  commit(database: DatabaseSync): void
  end(): void
}

/** What became of a checkpoint. */
export type CheckpointNews =
  | { what: 'restored'; key: string; ageMs: number }
  | { what: 'kept'; key: string }
  /** The result is handed out, and the next run has to work for it again. */
  | { what: 'lost'; key: string; error: unknown }

/** `runs` are those that go on in this process. */
export type Place = { file: StateFile; writer: Writer; runs: Set<string>; now: () => number }

const DEFAULT_MAX_AGE_MS = 24 * 3_600_000
/** After this, results of cycles that no longer run are removed by any other that ends well. */
const FORGOTTEN_AFTER_MS = 90 * 86_400_000

/** One run's results; `isCommitted` once it ended well. */
type Keeping = { place: Place; cycle: string; run: string; tell: Tell; isCommitted: boolean }
type Tell = (news: CheckpointNews) => void

export function checkpointsOf(place: Place, cycle: string, tell: Tell): Checkpoints {
  const { file, runs, now } = place
  const run = randomUUID()
  const keeping: Keeping = { place, cycle, run, tell, isCommitted: false }
  const before = file.use(lastResult)
  const inFlight = new Map<string, Promise<string | null>>()
  runs.add(run)
  return {
    async checkpoint<T>(key: string, fn: () => T | PromiseLike<T>, options: CheckpointOptions = {}): Promise<T> {
      const { maxAgeMs = DEFAULT_MAX_AGE_MS } = options
      checkCheckpoint(key, fn, maxAgeMs)
      const started = inFlight.get(key) ?? resultOf(keeping, key, fn, maxAgeMs).finally(() => inFlight.delete(key))
      inFlight.set(key, started)
      const value = await started
      return (value === null ? undefined : JSON.parse(value)) as T
    },
    commit(database) {
      const others = [...runs].filter((other) => other !== run)
      removeResults(database, { cycle, run, before, others })
      removeResultsBefore(database, now() - FORGOTTEN_AFTER_MS)
      keeping.isCommitted = true
    },
    end: () => void runs.delete(run),
  }
}

async function resultOf(keeping: Keeping, key: string, fn: () => unknown, maxAgeMs: number): Promise<string | null> {
  const { place, cycle, run, tell } = keeping
  const there = kept(keeping, key, maxAgeMs)
  if (there) return there.value
  const value = jsonOf(await fn(), key)
  try {
    // What comes after the cycle ended well would only be in the next run's way.
    if (!keeping.isCommitted) await place.writer.keep({ cycle, key, run, at: place.now(), value })
    tell({ what: 'kept', key })
  } catch (error) {
    tell({ what: 'lost', key, error })
  }
  return value
}

/** A file that cannot be read has no results: the work is done again. */
function kept({ place, cycle, run, tell }: Keeping, key: string, maxAgeMs: number): Result | undefined {
  let result: Result | undefined
  try {
    result = place.file.use((database) => readResult(database, cycle, key))
  } catch {
    return undefined
  }
  // Counted both ways, or a clock that was once ahead would keep a result for ever.
  const ageMs = result ? place.now() - result.at : 0
  if (!result || Math.abs(ageMs) > maxAgeMs) return undefined
  if (result.run !== run) tell({ what: 'restored', key, ageMs })
  return result
}

function checkCheckpoint(key: unknown, fn: unknown, maxAgeMs: unknown): void {
  checkName(key, 'the key of a checkpoint')
  checkFunction(fn, `checkpoint '${key}'`)
  if (typeof maxAgeMs !== 'number' || !(maxAgeMs > 0)) {
    throw new BadInput(`maxAgeMs of checkpoint '${key}' is ${String(maxAgeMs)}; it must be milliseconds above 0`)
  }
}

/** Null for undefined. */
function jsonOf(result: unknown, key: string): string | null {
  if (result === undefined) return null
  let text: string | undefined
  try {
    text = JSON.stringify(result)
  } catch (cause) {
    throw new BadInput(`the result of checkpoint '${key}' has no JSON: ${messageOf(cause)}`, { cause })
  }
  if (text === undefined) throw new BadInput(`the result of checkpoint '${key}' has no JSON: it is a ${typeof result}`)
  return text
}
