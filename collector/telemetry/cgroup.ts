// What the container around this process allows and takes away: its memory limit and how long it was throttled. Linux
// only; version 2 of control groups, or 1. Elsewhere nothing is throttled and the limit is the machine's memory.

import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'

/** Text of a file, undefined when it cannot be read. */
export type Read = (path: string) => string | undefined

/** `ms` summed over all threads: it may pass faster than time does. */
export type Throttling = { periods: number; ms: number }

const ROOT = '/sys/fs/cgroup'
/** The limit of a container hardly ever changes, and asking costs some file reads. */
const LIMIT_EVERY_MS = 10_000

let cpuStat: { path: string | undefined } | undefined

/** Since the control group exists; undefined when it does not say. About 20 µs. */
export function cpuThrottling(): Throttling | undefined {
  cpuStat ??= { path: findCpuStat(readSmall) }
  const text = cpuStat.path === undefined ? undefined : readSmall(cpuStat.path)
  return text === undefined ? undefined : parseCpuStat(text)
}

/** The first file that tells of throttling. A container sees its own group as the root, whatever path it is told. */
export function findCpuStat(read: Read): string | undefined {
  const groups = read('/proc/self/cgroup') ?? ''
  const candidates = groups.split('\n').flatMap((line) => {
    const [id, controllers = '', ...rest] = line.split(':')
    const path = rest.join(':').replace(/\/$/, '')
    if (id === '0' && controllers === '') return [`${ROOT}${path}`, ROOT]
    if (controllers.split(',').includes('cpu')) {
      return [controllers, 'cpu', 'cpu,cpuacct'].flatMap((name) => [`${ROOT}/${name}${path}`, `${ROOT}/${name}`])
    }
    return []
  })
  return candidates.map((folder) => `${folder}/cpu.stat`).find((path) => parseCpuStat(read(path) ?? '') !== undefined)
}

/** `throttled_usec` in version 2, `throttled_time` in nanoseconds in version 1. */
export function parseCpuStat(text: string): Throttling | undefined {
  const values = new Map(text.split('\n').map((line) => line.split(' ') as [string, string]))
  const periods = Number(values.get('nr_throttled'))
  const micros = Number(values.get('throttled_usec') ?? Number(values.get('throttled_time')) / 1_000)
  return Number.isFinite(periods) && Number.isFinite(micros) ? { periods, ms: micros / 1_000 } : undefined
}

let limit: { bytes: number; readAt: number } | undefined

/** In bytes: that of the container, else the machine's memory. `now` is performance.now(). */
export function memoryLimit(now: number): number {
  if (!limit || now - limit.readAt > LIMIT_EVERY_MS) {
    limit = { bytes: limitOf(process.constrainedMemory(), totalmem()), readAt: now }
  }
  return limit.bytes
}

/** Without a limit, `constrained` is 0 or absurdly large. */
export function limitOf(constrained: number, total: number): number {
  return constrained > 0 && constrained < total ? constrained : total
}

function readSmall(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
