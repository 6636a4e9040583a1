// run.gather: named collectors in parallel, and what came of them although some failed.

import { checkWhole } from '#collector/amounts.ts'
import { checkFunction, checkName } from '#collector/arguments.ts'
import { joined } from '#collector/budget.ts'
import { type Permits, permits, type Release } from '#collector/flow/permits.ts'
import type { Ongoing } from '#collector/ongoing.ts'
import { withDeadline } from '#collector/results/deadline.ts'
import { checkNeed, isEnough, type Need } from '#collector/results/need.ts'
import { type Missing, missingText, shortError, tellParts } from '#collector/results/shortage.ts'
import { type Step, stepIn } from '#collector/steps.ts'
import { BadInput } from '#model/errors.ts'

/** A collector's own step, with the signal to hand to what it calls: it aborts at the collector's deadline. */
export type Part = Step & { readonly signal: AbortSignal }
export type Collector<T = unknown> = (part: Part) => T | PromiseLike<T>
export type Collectors = Record<string, Collector>

export type GatherOptions<N = Need> = {
  /** 'all', at least so many, or the names of those without which the rest is worth nothing. Default: 1. */
  need?: N | undefined
  /** How many run at once, in the order of their names. Default: 10. */
  concurrency?: number | undefined
  /** The deadline of each, from its own start; Infinity for none. Default: 60 s. */
  timeoutMs?: number | undefined
  /** Ends what still runs, as the cycle's budget does: by a TimeoutError, what is there counts; else it is the end. */
  signal?: AbortSignal | undefined
}

type Values<C extends Collectors> = { [Name in keyof C]: Awaited<ReturnType<C[Name]>> }
/** Whose results are certainly there: all, or those of a list written out in the call. */
type Certain<C extends Collectors, N> = N extends 'all'
  ? keyof C
  : N extends readonly (infer Name)[]
    ? number extends N['length']
      ? never
      : Name & keyof C
    : never

/** `results` has every name; undefined for those `missing` tells of, which are in the order of the collectors. */
export type Gathered<C extends Collectors, N = Need> = {
  results: { [Name in keyof C]: Name extends Certain<C, N> ? Values<C>[Name] : Values<C>[Name] | undefined }
  missing: Missing<keyof C & string>[]
}

const DEFAULT_CONCURRENCY = 10
const DEFAULT_TIMEOUT_MS = 60_000

type Plan = { names: string[]; need: Need; places: Permits; timeoutMs: number; signal: AbortSignal }
type End = { state: 'there'; name: string; value: unknown } | { state: 'missing'; name: string; error: unknown }

/**
 * Runs the collectors side by side, each as one step of its name, and waits for all of them. When what is needed
 * succeeded and something else did not, `becomePartial` is called with what is missing and why, and the rest is
 * returned. When not, rejects with a GatherError, and with the signal's reason when that is no timeout; with BadInput,
 * before any of them ran, for options that make no sense.
 * The cycle's items are left alone: a collector is no item, it may bring none or many.
 */
export async function gatherIn<C extends Collectors, const N extends Need<keyof C & string> = 1>(
  ongoing: Ongoing,
  collectors: C,
  options: GatherOptions<N> | undefined,
  becomePartial: (reason: string) => void,
): Promise<Gathered<C, N>> {
  const { names, need, places, timeoutMs, signal } = planOf(ongoing, collectors, options)
  const collect = async (name: string): Promise<End> => {
    try {
      const leave = await enterIn(ongoing, places)
      try {
        const run = (step: Step) =>
          withDeadline(`'${name}'`, timeoutMs, signal, (own) =>
            (collectors[name] as Collector)({ ...step, signal: own }),
          )
        return { state: 'there', name, value: await stepIn(ongoing, name, 'compute', run) }
      } finally {
        leave()
      }
    } catch (error) {
      return { state: 'missing', name, error }
    }
  }
  const ends = await Promise.all(names.map(collect))
  const missing = ends.flatMap((end) => (end.state === 'missing' ? [{ name: end.name, error: end.error }] : []))
  tellParts(ongoing, names.length, missing)
  if (signal.aborted && !isTimeout(signal.reason)) throw signal.reason
  const lost = missing.map(({ name }) => name)
  if (!isEnough(need, names, lost)) throw shortError(need, names.length, missing)
  if (missing.length > 0) becomePartial(missingText(names.length, missing))
  const results = ends.map((end) => [end.name, end.state === 'there' ? end.value : undefined])
  return { results: Object.fromEntries(results), missing } as Gathered<C, N>
}

function planOf(ongoing: Ongoing, collectors: Collectors, options: GatherOptions = {}): Plan {
  if (typeof collectors !== 'object' || collectors === null || Array.isArray(collectors)) {
    throw new BadInput('gather needs an object of names and functions, as in { prices: () => … }')
  }
  const names = Object.keys(collectors)
  for (const name of names) {
    checkName(name, 'the name of a collector')
    checkFunction(collectors[name], `collector '${name}'`)
  }
  const { need = Math.min(1, names.length), concurrency = DEFAULT_CONCURRENCY, signal } = options
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options
  checkNeed(need, names)
  checkWhole(concurrency, 'concurrency of gather')
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0)) {
    throw new BadInput(`timeoutMs of gather is ${String(timeoutMs)}; it must be a number of milliseconds above 0`)
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new BadInput('signal must be an AbortSignal')
  return { names, need, places: permits({ limit: concurrency }), timeoutMs, signal: joined(ongoing.budget, signal) }
}

/** Time in the queue is a wait of its own, beside the collector: its step and its deadline begin with its work. */
async function enterIn(ongoing: Ongoing, places: Permits): Promise<Release> {
  const wait = () => stepIn(ongoing, 'gather queue', 'wait', () => places.acquire(), { reason: 'queue' })
  return places.tryAcquire() ?? (await wait())
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof Error && reason.name === 'TimeoutError'
}
