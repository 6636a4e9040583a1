// What the process used while a cycle ran. Both figures are of the whole process: cycles that run side by side share them.

import { CYCLE } from '#model/attributes.ts'
import { milliseconds } from './totals.ts'

export type Usage = { cpu: NodeJS.CpuUsage; peakBytes: number; sampledAt: number }

/** Asking the system for resident memory costs microseconds; a cycle of 10,000 steps need not ask 10,000 times. */
const SAMPLE_EVERY_MS = 100

export function openUsage(at: number): Usage {
  return { cpu: process.cpuUsage(), peakBytes: process.memoryUsage.rss(), sampledAt: at }
}

/** Called at step ends: a peak between two samples, or shorter than a step, is not seen. */
export function sampleUsage(usage: Usage, at: number): void {
  if (at - usage.sampledAt < SAMPLE_EVERY_MS) return
  usage.sampledAt = at
  usage.peakBytes = Math.max(usage.peakBytes, process.memoryUsage.rss())
}

export function usageAttributes(usage: Usage): Record<string, number> {
  const { user, system } = process.cpuUsage(usage.cpu)
  return {
    [CYCLE.cpuMs]: milliseconds((user + system) / 1_000),
    [CYCLE.memoryPeakBytes]: Math.max(usage.peakBytes, process.memoryUsage.rss()),
  }
}
