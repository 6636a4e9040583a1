// Metrics of the process itself, by the names of OpenTelemetry's semantic conventions where they have one.

import { availableParallelism } from 'node:os'
import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { cpuThrottling, memoryLimit } from '#collector/telemetry/cgroup.ts'
import { type Figure, type Meta, readFigure, type Value } from '#collector/telemetry/figures.ts'
import { countSockets, openSockets } from '#collector/telemetry/sockets.ts'

/** Node's timer behind it fires this often: 50 times a second, natively, some 0.02 % of a processor. */
export const DELAY_RESOLUTION_MS = 20

export type ProcessFigures = {
  figures: Figure[]
  /** Begins a new window: utilization and delays are those since the last call. */
  advance(): void
  close(): void
}

type Delays = ReturnType<typeof monitorEventLoopDelay>
type Window = { at: number; cpu: NodeJS.CpuUsage; loop: EventLoopUtilization }

export function createProcessFigures(): ProcessFigures {
  countSockets()
  const delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
  delays.enable()
  let window = openWindow()
  return {
    figures: [
      ...cpuFigures(() => window),
      ...memoryFigures(),
      ...throttlingFigures(),
      ...loopFigures(() => window, delays),
    ],
    advance() {
      window = openWindow()
      delays.reset()
    },
    close: () => void delays.disable(),
  }
}

function openWindow(): Window {
  return { at: performance.now(), cpu: process.cpuUsage(), loop: performance.eventLoopUtilization() }
}

function cpuFigures(window: () => Window): Figure[] {
  const byMode = ({ user, system }: NodeJS.CpuUsage, perMicrosecond: number) => [
    { labels: { 'cpu.mode': 'user' }, value: user * perMicrosecond },
    { labels: { 'cpu.mode': 'system' }, value: system * perMicrosecond },
  ]
  return [
    readFigure('counter', meta('process.cpu.time', 's', 'Processor time used.'), () =>
      byMode(process.cpuUsage(), 1e-6),
    ),
    readFigure('gauge', meta('process.cpu.utilization', '1', 'Share of the processors used lately.'), () => {
      const { at, cpu } = window()
      const available = (performance.now() - at) * 1_000 * availableParallelism()
      return available > 0 ? byMode(process.cpuUsage(cpu), 1 / available) : []
    }),
  ]
}

function memoryFigures(): Figure[] {
  const used = () => process.memoryUsage.rss()
  const limit = () => memoryLimit(performance.now())
  return [
    readFigure('updown', meta('process.memory.usage', 'By', 'Resident memory.'), () => one(used())),
    readFigure('updown', meta('process.memory.limit', 'By', "The container's limit, or the machine's memory."), () =>
      one(limit()),
    ),
    readFigure('gauge', meta('process.memory.utilization', '1', 'Share of the limit used.'), () =>
      one(used() / limit()),
    ),
    readFigure('updown', meta('process.open_socket.count', '{socket}', 'TCP connections open.'), () =>
      one(openSockets()),
    ),
  ]
}

function throttlingFigures(): Figure[] {
  const read = (pick: 'ms' | 'periods', factor: number) => () => {
    const throttling = cpuThrottling()
    return throttling ? one(throttling[pick] * factor) : []
  }
  return [
    readFigure(
      'counter',
      meta('cgroup.cpu.throttled.time', 's', 'How long the container was kept from running.'),
      read('ms', 1e-3),
    ),
    readFigure(
      'counter',
      meta('cgroup.cpu.throttled.periods', '{period}', 'Periods in which it was.'),
      read('periods', 1),
    ),
  ]
}

const DELAYS: [name: string, read: (delays: Delays) => number][] = [
  ['min', (delays) => delays.min],
  ['max', (delays) => delays.max],
  ['mean', (delays) => delays.mean],
  ['stddev', (delays) => delays.stddev],
  ['p50', (delays) => delays.percentile(50)],
  ['p90', (delays) => delays.percentile(90)],
  ['p99', (delays) => delays.percentile(99)],
]

/** Without a tick in the window nothing is known about it. */
function loopFigures(window: () => Window, delays: Delays): Figure[] {
  return [
    ...DELAYS.map(([name, read]) =>
      readFigure('gauge', meta(`nodejs.eventloop.delay.${name}`, 's', 'Delay of the event loop lately.'), () =>
        delays.count > 0 ? one(delaySeconds(read(delays), name === 'stddev')) : [],
      ),
    ),
    readFigure(
      'gauge',
      meta('nodejs.eventloop.utilization', '1', 'Share of time the event loop was busy lately.'),
      () => one(performance.eventLoopUtilization(window().loop).utilization),
    ),
  ]
}

/** Node measures from tick to tick, the interval of its timer included. */
function delaySeconds(nanoseconds: number, isSpread: boolean): number {
  return isSpread ? nanoseconds / 1e9 : Math.max(0, nanoseconds / 1e9 - DELAY_RESOLUTION_MS / 1e3)
}

function meta(name: string, unit: string, description: string): Meta {
  return { name, unit, description }
}

function one(value: number): Value[] {
  return [{ labels: {}, value }]
}
