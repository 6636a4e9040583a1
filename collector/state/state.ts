// openState: what a job knows from its earlier runs, in one SQLite file.

import { resolve } from 'node:path'
import { checkName } from '#collector/arguments.ts'
import { type CheckpointNews, type Checkpoints, checkpointsOf, type Place } from '#collector/state/checkpoints.ts'
import { type StateFile, stateFile } from '#collector/state/file.ts'
import { resultWriter } from '#collector/state/results.ts'
import { type Seen, seenBy } from '#collector/state/seen.ts'
import { transaction } from '#collector/state/tables.ts'
import { type Watermarks, watermarksOf } from '#collector/state/watermarks.ts'
import { warn } from '#collector/telemetry/trouble.ts'
import { BadInput } from '#model/errors.ts'

/** `reset`: the file was damaged and what it held is gone, so that the work is done again. */
export type StateNews = CheckpointNews | { what: 'reset'; message: string }
type Tell = (news: StateNews) => void

export type State = {
  /** The absolute path. */
  readonly file: string
  /**
   * The state of one run of this cycle. What it does is told to `tell`, resets since the last run among it. Throws
   * Unavailable when the file cannot be used.
   */
  begin(cycle: string, tell?: Tell): RunState
  /** Lets go of the file; the next use opens it again. */
  close(): void
}

/** One run's state. It ends with `commit` or `abandon`; what comes after either is not kept. */
export type RunState = Pick<Seen, 'unseen' | 'again'> &
  Pick<Watermarks, 'watermark'> &
  Pick<Checkpoints, 'checkpoint'> & {
    /** The run ended well: all of it in one transaction, or nothing. Throws Unavailable when it could not be written. */
    commit(): void
    /** The run failed: the next one sees the same items from the same watermarks, and takes its checkpoints. */
    abandon(): void
  }

const states = new Map<string, State>()

/**
 * Opens the file, or creates it with its folder; the same file gives the same state. Several processes may use one file,
 * on a disk of the same machine. Throws Unavailable when it cannot be used, and BadInput when it is a file of something
 * else. A damaged one is set aside as `FILE.corrupt` and begun anew.
 */
export function openState(file: string): State {
  checkName(file, 'the file of a state')
  const path = resolve(file)
  const state = states.get(path) ?? createState(path, Date.now)
  states.set(path, state)
  return state
}

/** `now` is epoch ms. */
export function createState(file: string, now: () => number): State {
  const tells = new Set<Tell>()
  const untold: StateNews[] = []
  const opened = stateFile(file, (message) => {
    warn(message)
    if (tells.size === 0) untold.push({ what: 'reset', message })
    for (const tell of tells) tell({ what: 'reset', message })
  })
  const place: Place = { file: opened, writer: resultWriter(opened), runs: new Set(), now }
  opened.use(() => {})
  return {
    file,
    close: opened.close,
    begin(cycle, tell = () => {}) {
      checkName(cycle, 'the name of a cycle')
      tells.add(tell)
      for (const news of untold.splice(0)) tell(news)
      try {
        return runState(place, cycle, tell, () => tells.delete(tell))
      } catch (error) {
        tells.delete(tell)
        throw error
      }
    },
  }
}

function runState(place: Place, cycle: string, tell: Tell, done: () => void): RunState {
  const { file, writer, now } = place
  const seen = seenBy(file, cycle, now)
  const watermarks = watermarksOf(file, cycle)
  const checkpoints = checkpointsOf(place, cycle, tell)
  const end = (work: () => void) => {
    try {
      writer.flush()
      work()
    } finally {
      checkpoints.end()
      done()
    }
  }
  return {
    unseen: seen.unseen,
    again: seen.again,
    watermark: watermarks.watermark,
    checkpoint: checkpoints.checkpoint,
    commit: () => end(() => commit(file, [seen, watermarks, checkpoints])),
    abandon: () => end(() => {}),
  }
}

function commit(file: StateFile, parts: Pick<Seen, 'commit'>[]): void {
  file.use((database) =>
    transaction(database, () => {
      for (const part of parts) part.commit(database)
    }),
  )
}

/** The state a job named: one it opened, or a file. Throws as `openState` does. */
export function stateOf(given: State | string): State {
  if (typeof given === 'string') return openState(given)
  if (typeof given?.begin === 'function') return given
  throw new BadInput('state must be a file, such as ./prices.state, or what openState returned')
}
