// A cycle in progress, for what takes one: a real root span that a real receiver gets.

import { context, trace } from '@opentelemetry/api'
import { begin, type Limited, type Ongoing } from '#collector/ongoing.ts'
import { startTelemetry, type Telemetry } from '#collector/telemetry/telemetry.ts'
import { type ReceivedSpan, type Receiver, startReceiver } from '#test/collector/receiver.ts'

export type Scene = {
  receiver: Receiver
  /** Runs `fn` in a cycle named `coins`; `reasons` are those it became partial for. */
  inCycle<T>(fn: Body<T>, limited?: Limited): Promise<Cycle<T>>
  close(): Promise<void>
}

type Body<T> = (ongoing: Ongoing, becomePartial: (reason: string) => void) => T | Promise<T>
export type Cycle<T> = { value: T; error: undefined | Error; reasons: string[]; root: ReceivedSpan }

export async function startScene(): Promise<Scene> {
  const receiver = await startReceiver()
  const telemetry = startTelemetry({ service: 'test', endpoint: receiver.url })
  return {
    receiver,
    async inCycle<T>(fn: Body<T>, limited: Limited = {}) {
      receiver.spans.length = 0
      const reasons: string[] = []
      const tracer = trace.getTracer('test')
      const ongoing = begin('coins', tracer, limited, (startTime) =>
        tracer.startSpan('coins', { root: true, startTime }),
      )
      let value: T | undefined
      let error: Error | undefined
      try {
        value = await context.with(
          ongoing.context,
          fn,
          undefined,
          ongoing,
          (reason: string) => void reasons.push(reason),
        )
      } catch (thrown) {
        error = thrown as Error
      }
      return { value: value as T, error, reasons, root: await ended(ongoing, telemetry, receiver) }
    },
    async close() {
      await telemetry.shutdown()
      await receiver.close()
    },
  }
}

async function ended(ongoing: Ongoing, telemetry: Telemetry, receiver: Receiver): Promise<ReceivedSpan> {
  ongoing.budget.end()
  ongoing.span.end(performance.now() + ongoing.epochOffset)
  await telemetry.flush()
  return receiver.one('coins')
}
