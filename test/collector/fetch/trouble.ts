// Upstreams that answer as they should not, and cycles that fetch from them: what tests of run.fetch share.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { type CycleOptions, cycle, fetchPolicy, type Run } from '#collector/collector.ts'
import { startFetchingJob } from '#test/collector/fetching.ts'
import type { ReceivedSpan } from '#test/collector/receiver.ts'

export type Trouble = Awaited<ReturnType<typeof startTrouble>>

type Answer = (request: IncomingMessage, response: ServerResponse, n: number) => unknown

const PATIENT = fetchPolicy({ backoff: { firstMs: 5, longestMs: 20 } })

export async function startTrouble() {
  const job = await startFetchingJob()
  return {
    afterEach: job.afterEach,
    stop: job.stop,
    /** A server that answers its n-th request, from 0, with the n-th of these, and all later ones with the last. */
    async upstream(...answers: Answer[]): Promise<{ url: string; seen: IncomingMessage[] }> {
      const seen: IncomingMessage[] = []
      const url = await job.upstream((request, response) => {
        const n = seen.push(request) - 1
        return (answers[Math.min(n, answers.length - 1)] as Answer)(request, response, n)
      })
      return { url, seen }
    },
    /** One cycle: what came of it, its root span, and its steps in the order of their start. */
    async run<T>(work: (run: Run) => Promise<T>, options: CycleOptions = {}) {
      job.receiver.spans.length = 0
      const outcome = await cycle('coins', work, { fetch: PATIENT, ...options }).then(
        (value) => ({ value, error: undefined as unknown }),
        (error: unknown) => ({ value: undefined, error }),
      )
      await job.telemetry.flush()
      const root = job.receiver.one('coins')
      const steps = job.receiver.spans.filter((span) => span !== root).sort((a, b) => a.startMs - b.startMs)
      return { ...outcome, root, steps }
    },
  }
}

export const status =
  (code: number, headers = {}): Answer =>
  (_, response) =>
    response.writeHead(code, headers).end(String(code))
export const reset: Answer = (_, response) => response.socket?.resetAndDestroy()
export const silence: Answer = () => {}

/** What each step says of itself in a word: why it waited, the status it got, or the error. */
export function told(steps: ReceivedSpan[]): string[] {
  return steps.map(({ attributes }) =>
    String(attributes['wait.reason'] ?? attributes['http.response.status_code'] ?? attributes['error.type']),
  )
}
