// What the process used while a cycle ran. All figures are of the whole process: cycles that run side by side share them.

import { CYCLE } from '#model/attributes.ts'
import { cpuThrottling, memoryLimit } from './telemetry/cgroup.ts'
import { countSockets, openSockets } from './telemetry/sockets.ts'
import { milliseconds } from './totals.ts'

/** Names of our own beside those of model/attributes.ts. */
export const USAGE = {
  /** The peak as a fraction of the container's memory limit, or of the machine's memory. */
  memoryPeakShare: 'cycle.memory.peak_share',
  /** Absent where the system does not say. */
  throttledMs: 'cycle.cpu.throttled_ms',
  loopDelayMaxMs: 'cycle.eventloop.delay_max_ms',
  loopDelayMeanMs: 'cycle.eventloop.delay_mean_ms',
  socketsPeak: 'cycle.sockets.peak',
} as const

export type Usage = {
  openedAt: number
  cpu: NodeJS.CpuUsage
  throttledMs: number | undefined
  peakBytes: number
  sampledAt: number
  socketsPeak: number
  loop: { max: number; sum: number; ticks: number }
}

/** Asking the system for resident memory costs microseconds; a cycle of 10,000 steps need not ask 10,000 times. */
const SAMPLE_EVERY_MS = 100
/** How often the event loop is looked at while a cycle runs: 50 times a second, some 0.03 % of a processor. */
const TICK_MS = 20

/**
 * One timer for all cycles that run. (Node's own histogram of delays is too large to have one a cycle, and one for all
 * cannot tell which cycle a delay fell into.)
 */
const open = new Set<Usage>()
let timer: NodeJS.Timeout | undefined
let tickedAt = 0

/** The root has places for these from the start; a span full of others' attributes takes no new ones. */
export function usagePlaces(): Record<string, number> {
  const zeros = [CYCLE.cpuMs, CYCLE.memoryPeakBytes, ...Object.values(USAGE)].map((key) => [key, 0])
  return Object.fromEntries(zeros.filter(([key]) => key !== USAGE.throttledMs || cpuThrottling()))
}

/** Times are performance.now(). Ends with `closeUsage`. */
export function openUsage(at: number): Usage {
  countSockets()
  const usage: Usage = {
    openedAt: at,
    cpu: process.cpuUsage(),
    throttledMs: cpuThrottling()?.ms,
    peakBytes: process.memoryUsage.rss(),
    sampledAt: at,
    socketsPeak: openSockets(),
    loop: { max: 0, sum: 0, ticks: 0 },
  }
  open.add(usage)
  if (!timer) {
    tickedAt = at
    timer = setInterval(() => tick(performance.now()), TICK_MS).unref()
  }
  return usage
}

/** Called at step ends and at ticks: a peak between two samples is not seen. */
export function sampleUsage(usage: Usage, at: number): void {
  usage.socketsPeak = Math.max(usage.socketsPeak, openSockets())
  if (at - usage.sampledAt < SAMPLE_EVERY_MS) return
  usage.sampledAt = at
  usage.peakBytes = Math.max(usage.peakBytes, process.memoryUsage.rss())
}

/** The figures of the cycle that ends now. */
export function closeUsage(usage: Usage, at: number): Record<string, number> {
  // A cycle that never lets the event loop run sees no tick.
  addDelay(usage, at)
  open.delete(usage)
  if (open.size === 0) {
    clearInterval(timer)
    timer = undefined
  }
  usage.sampledAt = Number.NEGATIVE_INFINITY
  sampleUsage(usage, at)
  const { user, system } = process.cpuUsage(usage.cpu)
  const throttled = cpuThrottling()
  const { loop, peakBytes, throttledMs } = usage
  return {
    [CYCLE.cpuMs]: milliseconds((user + system) / 1_000),
    [CYCLE.memoryPeakBytes]: peakBytes,
    [USAGE.memoryPeakShare]: Math.round((peakBytes / memoryLimit(at)) * 1e4) / 1e4,
    ...(throttled ? { [USAGE.throttledMs]: milliseconds(throttled.ms - (throttledMs ?? throttled.ms)) } : {}),
    [USAGE.loopDelayMaxMs]: milliseconds(loop.max),
    [USAGE.loopDelayMeanMs]: milliseconds(loop.ticks > 0 ? loop.sum / loop.ticks : 0),
    [USAGE.socketsPeak]: usage.socketsPeak,
  }
}

function tick(at: number): void {
  for (const usage of open) {
    addDelay(usage, at)
    usage.loop.ticks += 1
    sampleUsage(usage, at)
  }
  tickedAt = at
}

/** How much later than it should it is that the event loop comes by, as far as that lies in the cycle. */
function addDelay({ loop, openedAt }: Usage, at: number): void {
  const delay = Math.max(0, Math.min(at - tickedAt - TICK_MS, at - openedAt))
  loop.sum += delay
  loop.max = Math.max(loop.max, delay)
}
