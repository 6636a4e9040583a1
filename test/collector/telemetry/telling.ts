// Telemetry that is started for one test, towards a receiver of its own, and a cycle whose insides a test can reach.

import { context, trace } from '@opentelemetry/api'
import { afterEach } from 'vitest'
import { startTelemetry, type Telemetry, type TelemetryOptions } from '#collector/collector.ts'
import { begin, type Ongoing } from '#collector/ongoing.ts'
import { closeUsage } from '#collector/usage.ts'
import { type Receiver, startReceiver } from '#test/collector/receiver.ts'

type Started = { receiver: Receiver; telemetry: Telemetry }

const started: Started[] = []

afterEach(async () => {
  for (const { receiver, telemetry } of started.splice(0)) {
    await telemetry.shutdown()
    await receiver.close()
  }
})

/** Ended with the test. */
export async function start(
  options: Partial<TelemetryOptions> = {},
  answer?: Parameters<typeof startReceiver>[0],
): Promise<Started> {
  const receiver = await startReceiver(answer)
  const both = { receiver, telemetry: startTelemetry({ service: 'prices', endpoint: receiver.url, ...options }) }
  started.push(both)
  return both
}

/** Runs `fn` inside a cycle of which it gets what `run` does not show. */
export async function inCycle<T>(name: string, fn: (ongoing: Ongoing) => T | PromiseLike<T>): Promise<T> {
  const tracer = trace.getTracer('cyclewatch')
  const attributes = { 'cycle.name': name, 'cycle.trigger': 'manual' }
  const ongoing = begin(name, tracer, {}, (startTime) => tracer.startSpan(name, { root: true, attributes, startTime }))
  try {
    return await context.with(ongoing.context, fn, undefined, ongoing)
  } finally {
    ongoing.span.setAttributes(closeUsage(ongoing.usage, performance.now()))
    ongoing.span.end()
  }
}

/** Resolves once `seen` returns something that is not undefined, false or 0. */
export async function until<T>(seen: () => T | undefined | false | 0, what: string): Promise<T> {
  const from = performance.now()
  for (;;) {
    const value = seen()
    if (value) return value
    if (performance.now() - from > 10_000) throw new Error(`waited in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
