// The simulated upstream and a receiver of telemetry in a process of their own, so that what the collector's process
// holds is the collector's.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { startUpstream, type Upstream } from '#test/collector/faults/upstream.ts'
import { serve } from '#test/collector/receiver.ts'

type Addresses = { plans: string[]; hosts: Upstream['hosts']; sink: string }

export type Remote = AsyncDisposable &
  Addresses & {
    /** Connections open now, by the upstream's view. */
    openSockets(): Promise<number>
  }

/** One address for each timeline, in their order. */
export async function startRemote(timelines: string[]): Promise<Remote> {
  const child = fork(import.meta.filename, timelines)
  const [addresses] = (await once(child, 'message')) as [Addresses]
  return {
    ...addresses,
    async openSockets() {
      child.send('how many')
      const [count] = (await once(child, 'message')) as [number]
      return count
    },
    async [Symbol.asyncDispose]() {
      child.disconnect()
      await once(child, 'exit')
    },
  }
}

async function beRemote(timelines: string[]): Promise<void> {
  const upstream = await startUpstream()
  const sink = await serve((request, response) => {
    request.resume().on('end', () => response.setHeader('content-type', 'application/json').end('{}'))
  })
  const plans = timelines.map((timeline) => upstream.plan(timeline).url)
  process.on('message', () => process.send?.(upstream.openSockets()))
  process.on('disconnect', () => process.exit())
  process.send?.({ plans, hosts: upstream.hosts, sink: sink.url } satisfies Addresses)
}

if (import.meta.main) await beRemote(process.argv.slice(2))
