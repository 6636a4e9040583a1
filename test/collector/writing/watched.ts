// A job whose cycles write, and the spans a receiver got of it: what the tests of this folder share.

import { afterAll, beforeAll, beforeEach } from 'vitest'
import { startTelemetry, type Telemetry } from '#collector/collector.ts'
import { cycle } from '#collector/cycles.ts'
import type { Run } from '#collector/run.ts'
import { type ReceivedSpan, type Receiver, startReceiver } from '#test/collector/receiver.ts'

export type Watched = {
  readonly receiver: Receiver
  flush(): Promise<void>
  /** Runs one cycle and delivers its spans. */
  cycle<T>(fn: (run: Run) => T | Promise<T>): Promise<T>
  /** Steps of this kind, in the order they ended. */
  steps(kind: string): ReceivedSpan[]
}

/** Call at the top of a test file. */
export function useWatched(): Watched {
  let receiver: Receiver
  let telemetry: Telemetry
  beforeAll(async () => {
    receiver = await startReceiver()
    telemetry = startTelemetry({ service: 'prices', endpoint: receiver.url })
  })
  beforeEach(() => {
    receiver.spans.length = 0
  })
  afterAll(async () => {
    await telemetry.shutdown()
    await receiver.close()
  })
  return {
    get receiver() {
      return receiver
    },
    flush: () => telemetry.flush(),
    async cycle(fn) {
      try {
        return await cycle('coins', fn)
      } finally {
        await telemetry.flush()
      }
    },
    steps: (kind) => receiver.spans.filter(({ attributes }) => attributes['step.kind'] === kind),
  }
}
