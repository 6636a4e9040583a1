// A job that fetches from servers of the test and tells a receiver: what the tests of run.fetch share.

import { cycle, type FetchOptions, type FetchResult, fetchPolicy, startTelemetry } from '#collector/collector.ts'
import { type ReceivedSpan, serve, startReceiver } from '#test/collector/receiver.ts'

/** Each fetch is a single attempt. */
const ONCE = fetchPolicy({ retries: 0, host: { breaker: false } })

export type FetchingJob = Awaited<ReturnType<typeof startFetchingJob>>

export async function startFetchingJob() {
  const receiver = await startReceiver()
  const telemetry = startTelemetry({ service: 'prices', endpoint: receiver.url })
  const upstreams: { close(): Promise<void> }[] = []

  /** One fetch as a cycle of its own; the spans of its attempts, and what came of it. */
  async function fetched(url: string, options?: FetchOptions) {
    const settled = await cycle('coins', (run) => Promise.allSettled([run.fetch(url, options)]), { fetch: ONCE })
    await telemetry.flush()
    const [outcome] = settled as [PromiseSettledResult<FetchResult>]
    const spans = receiver.spans.filter((span) => span.attributes['step.kind'] === 'fetch')
    const result = outcome.status === 'fulfilled' ? outcome.value : undefined
    return { outcome, result, spans, root: receiver.one('coins') }
  }

  return {
    receiver,
    telemetry,
    fetched,
    /** One fetch that must fail. */
    async failure(url: string, options?: FetchOptions) {
      const { outcome, spans } = await fetched(url, options)
      if (outcome.status === 'fulfilled') throw new Error('it did not fail')
      return { error: outcome.reason as Error & { code?: string }, span: spans[0] as ReceivedSpan }
    },
    /** The address of a server that answers so until the test is over. */
    async upstream(...listener: Parameters<typeof serve>): Promise<string> {
      const server = await serve(...listener)
      upstreams.push(server)
      return server.url
    },
    async afterEach(): Promise<void> {
      receiver.spans.length = 0
      for (const server of upstreams.splice(0)) await server.close()
    },
    async stop(): Promise<void> {
      await telemetry.shutdown()
      await receiver.close()
    },
  }
}

/** The phases of an attempt in milliseconds, by their plain names. */
export function phases(span: ReceivedSpan | undefined): Record<string, number> {
  const found = Object.entries(span?.attributes ?? {}).filter(([key]) => key.startsWith('http.phase.'))
  return Object.fromEntries(
    found.map(([key, value]) => [key.slice('http.phase.'.length, -'_ms'.length), value as number]),
  )
}

export function sum(values: Record<string, number>): number {
  return Object.values(values).reduce((total, value) => total + value, 0)
}
