// What a process holds on to, once the garbage is collected.

import { createHook } from 'node:async_hooks'
import { readdirSync, readlinkSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

export type Holdings = {
  /** Sockets that keep the process alive. */
  sockets: number
  /** All sockets, as the system counts them; 0 where it does not tell. */
  descriptors: number
  /** The other ends of them, by the upstream's view. */
  upstream: number
  /** Timers that are set, also those that do not keep the process alive. */
  timers: number
  /** Bytes. */
  heap: number
  /** Bytes of buffers outside the heap. */
  external: number
  rss: number
}

setFlagsFromString('--expose-gc')
// Or the code of functions that were not called for a while goes, megabytes at once, and hides what grew.
setFlagsFromString('--no-flush-bytecode')
const gc = runInNewContext('gc') as (options: object) => void

/** Also what an ordinary collection leaves for later, which comes and goes in megabytes. */
function collect(): void {
  gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}

/** Counts timers from now on. */
export function countTimers(): () => number {
  const set = new Set<number>()
  createHook({
    init: (id, type) => void (type === 'Timeout' && set.add(id)),
    destroy: (id) => void set.delete(id),
    trackPromises: false,
  }).enable()
  return () => set.size
}

export async function holdingsOf(
  upstream: { openSockets(): Promise<number> },
  timers: () => number,
): Promise<Holdings> {
  const open = await upstream.openSockets()
  // What one collection finalizes, the next one frees.
  for (let round = 0; round < 3; round += 1) {
    collect()
    await turn()
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  const sockets = process.getActiveResourcesInfo().filter((name) => /^(TCP|TLS)/.test(name)).length
  return { sockets, descriptors: socketDescriptors(), upstream: open, timers: timers(), heap: heapUsed, external, rss }
}

function socketDescriptors(): number {
  let names: string[]
  try {
    names = readdirSync('/proc/self/fd')
  } catch {
    return 0
  }
  return names.filter((name) => targetOf(name).startsWith('socket:')).length
}

/** Of a descriptor that may be gone by now, such as that of the listing itself. */
function targetOf(name: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${name}`)
  } catch {
    return ''
  }
}
