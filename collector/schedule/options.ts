// What `schedule` was asked for, checked and brought into the form it works with.

import { MISSED, type Missed, OVERLAPS, type Overlap, type Rules } from '#collector/schedule/line.ts'
import type { EachCycle } from '#collector/schedule/runner.ts'
import { cronTimetable, everyTimetable, type Timetable } from '#collector/schedule/timetable.ts'
import { parseDuration } from '#model/durations.ts'
import { BadInput, messageOf, type Problem } from '#model/errors.ts'
import { nearest } from '#model/nearest.ts'

/** `60s`, `5m`, or a number of milliseconds. */
export type Duration = string | number

export const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
export type StopSignal = (typeof STOP_SIGNALS)[number]

export type ScheduleOptions = {
  /** Due at the multiples of this since 1970 in UTC, as Prometheus and cron count: `5m` is :00, :05, :10. This or `cron`. */
  every?: Duration | undefined
  /** Five fields, or six with seconds first; `@daily` and the like. */
  cron?: string | undefined
  /** Of `cron`, such as Europe/Berlin. Default: UTC. */
  timezone?: string | undefined
  /** Runs once at the start as well, without waiting for the first due time. Default: false. */
  immediately?: boolean | undefined
  /** What to do with a run that comes due while one runs: leave it out (default), let it wait, or abort the other. */
  overlap?: Overlap | undefined
  /** How many may wait with `overlap: 'queue'`; more are skipped. Default: 1. */
  maxWaiting?: number | undefined
  /**
   * What to do with the due times that went by while nobody was awake (a suspended machine, a blocked event loop, a
   * process that was down): leave them out (default), or run the newest of them one after another. The last due time of
   * all is never missed, only late.
   */
  missed?: Missed | undefined
  /** How many missed runs are caught up with at most. Default: 10. */
  maxCatchUp?: number | undefined
  /** The last due time that was dealt with before this process started; without it nothing before the start was missed. */
  lastDue?: Date | undefined
  /** Starts each run by a random time later, up to this, and always before the next one is due. Default: 0. */
  jitter?: Duration | undefined
  /** How long a running cycle may go on after `stop()` before its signal aborts. Default: 8s, as `docker stop` kills at 10. */
  stopWithin?: Duration | undefined
  /** Signals of the process at which the schedule stops; it then dies of the signal, unless others listen to it. Default: none. */
  stopOn?: readonly StopSignal[] | undefined
  /** Stops the schedule at once when it aborts, and the running cycle with it. */
  signal?: AbortSignal | undefined
  /** Lets the process end although the schedule goes on. Default: false. */
  unref?: boolean | undefined
  /** Options of each cycle, such as its budget. */
  cycle?: EachCycle | undefined
  /** Hears of each run that failed. It stops nothing: the next run comes all the same. */
  onError?: ((error: unknown, failed: { name: string; due: Date }) => unknown) | undefined
}

export type Settings = {
  timetable: Timetable
  rules: Rules
  jitterMs: number
  immediately: boolean
  lastDue: number | null
  stopWithinMs: number
  stopOn: readonly StopSignal[]
  signal: AbortSignal | undefined
  unref: boolean
  eachCycle: EachCycle
  onError: NonNullable<ScheduleOptions['onError']>
}

const KNOWN: Record<keyof ScheduleOptions, true> = {
  every: true,
  cron: true,
  timezone: true,
  immediately: true,
  overlap: true,
  maxWaiting: true,
  missed: true,
  maxCatchUp: true,
  lastDue: true,
  jitter: true,
  stopWithin: true,
  stopOn: true,
  signal: true,
  unref: true,
  cycle: true,
  onError: true,
}

// A longer one is a slip of the pen.
const LONGEST_MS = 3_650 * 86_400_000

type Report = (path: string, message: string) => void

/** Throws BadInput with every problem found. */
export function resolveSchedule(name: string, options: ScheduleOptions): Settings {
  const problems: Problem[] = []
  const report: Report = (path, message) => problems.push({ path, message })
  if (typeof options !== 'object' || options === null) {
    throw refusal(name, [{ path: 'options', message: "must be given, as in { every: '60s' }" }])
  }
  checkShapes(options, report)
  const rules = {
    overlap: oneOf(options.overlap ?? 'skip', OVERLAPS, 'overlap', report),
    maxWaiting: count(options.maxWaiting ?? 1, 'maxWaiting', report),
    missed: oneOf(options.missed ?? 'skip', MISSED, 'missed', report),
    maxCatchUp: count(options.maxCatchUp ?? 10, 'maxCatchUp', report),
  }
  if (rules.overlap === 'cancel' && rules.missed === 'catch_up') {
    report('missed', "is 'catch_up', which cannot go with overlap 'cancel': each run would abort the one before")
  }
  const settings = {
    timetable: timetableOf(options, report),
    rules,
    jitterMs: duration(options.jitter ?? 0, 'jitter', 0, report),
    immediately: options.immediately ?? false,
    lastDue: options.lastDue?.getTime?.() ?? null,
    stopWithinMs: duration(options.stopWithin ?? '8s', 'stopWithin', 0, report),
    stopOn: options.stopOn ?? [],
    signal: options.signal,
    unref: options.unref ?? false,
    eachCycle: options.cycle ?? {},
    onError: options.onError ?? (() => {}),
  }
  if (problems.length > 0) throw refusal(name, problems)
  return settings
}

function checkShapes(options: ScheduleOptions, report: Report): void {
  for (const key of Object.keys(options)) {
    if (Object.hasOwn(KNOWN, key)) continue
    const meant = nearest(key, Object.keys(KNOWN))
    report(key, `is unknown${meant ? `; did you mean ${meant}?` : `; known are ${Object.keys(KNOWN).join(', ')}`}`)
  }
  for (const key of ['immediately', 'unref'] as const) {
    if (options[key] !== undefined && typeof options[key] !== 'boolean') {
      report(key, `is ${shown(options[key])}; it must be true or false`)
    }
  }
  const { lastDue, stopOn, signal, cycle, onError } = options
  if (lastDue !== undefined && !(lastDue instanceof Date && !Number.isNaN(lastDue.getTime()))) {
    report('lastDue', `is ${shown(lastDue)}; it must be a valid Date`)
  }
  if (stopOn !== undefined && !Array.isArray(stopOn)) {
    report('stopOn', `is ${shown(stopOn)}; it must be a list of ${STOP_SIGNALS.join(', ')}`)
  } else for (const one of stopOn ?? []) oneOf(one, STOP_SIGNALS, 'stopOn', report)
  if (signal !== undefined && !(signal instanceof AbortSignal)) report('signal', 'must be an AbortSignal')
  if (cycle !== undefined && (typeof cycle !== 'object' || cycle === null)) {
    report('cycle', `is ${shown(cycle)}; it must be options of a cycle, as in { budgetMs: 45_000 }`)
  }
  if (onError !== undefined && typeof onError !== 'function') report('onError', 'must be a function')
}

const NEVER: Timetable = { next: () => null, previous: () => null, credible: (last) => last }

function timetableOf({ every, cron, timezone }: ScheduleOptions, report: Report): Timetable {
  if ((every === undefined) === (cron === undefined)) {
    report('every or cron', every === undefined ? 'must be given' : 'must be given, not both')
    return NEVER
  }
  if (cron !== undefined) return cronOf(cron, timezone, report)
  if (timezone !== undefined) report('timezone', 'goes with cron only: every counts real time')
  return everyTimetable(duration(every as Duration, 'every', 1, report))
}

function cronOf(cron: unknown, timezone: unknown = 'UTC', report: Report): Timetable {
  const isZone = typeof timezone === 'string' && isTimezone(timezone)
  if (!isZone) {
    const meant = typeof timezone === 'string' ? nearest(timezone, Intl.supportedValuesOf('timeZone')) : null
    report('timezone', `is ${shown(timezone)}; it must be a name such as ${meant ?? 'Europe/Berlin'}`)
  }
  try {
    // croner would take a point in time as well.
    if (typeof cron !== 'string' || cron.includes(':')) throw new Error('five or six fields, as in */5 * * * *')
    const timetable = cronTimetable(cron, isZone ? timezone : 'UTC')
    if (timetable.next(0) !== null) return timetable
    report('cron', `is ${shown(cron)}, which never comes due`)
  } catch (error) {
    report('cron', `is ${shown(cron)}, which is no cron pattern: ${messageOf(error).replace(/^CronPattern: /, '')}`)
  }
  return NEVER
}

function isTimezone(timezone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone })
    return true
  } catch {
    return false
  }
}

function duration(value: unknown, path: string, least: number, report: Report): number {
  let ms = Number.NaN
  if (typeof value === 'number') ms = value
  if (typeof value === 'string') {
    try {
      ms = parseDuration(value)
    } catch {
      // Told below, with what is allowed.
    }
  }
  if (Number.isSafeInteger(ms) && ms >= least && ms <= LONGEST_MS) return ms
  const allowed = `a duration such as 60s or whole milliseconds, from ${least} ms to 3650d`
  report(path, `is ${shown(value)}; it must be ${allowed}`)
  return least
}

function count(value: unknown, path: string, report: Report): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 1_000) return value
  report(path, `is ${shown(value)}; it must be a whole number from 1 to 1000`)
  return 1
}

function oneOf<T extends string>(value: T, allowed: readonly T[], path: string, report: Report): T {
  if (!allowed.includes(value)) report(path, `is ${shown(value)}; allowed are ${allowed.join(', ')}`)
  return value
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

function refusal(name: string, problems: Problem[]): BadInput {
  const lines = problems.map(({ path, message }) => `${path} ${message}`)
  return new BadInput(`schedule '${name}' cannot start: ${lines.join('; ')}`, { problems })
}
