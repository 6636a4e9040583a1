// startTelemetry: the OpenTelemetry SDK of a job's process, traces only, sent to one address.

import { hostname } from 'node:os'
import { context, logs, propagation, SamplingDecision, trace } from '@opentelemetry/api'
import { resourceAttributesEnvDetector } from '@opentelemetry/resources'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { BadInput } from '#model/errors.ts'
import { cleanValues } from './clean.ts'
import { otelEnvironment } from './environment.ts'
import { FAREWELL_MS, sayFarewell } from './farewell.ts'
import { createOutlet } from './outlet.ts'
import { createQueue, type Queue } from './queue.ts'
import { LONGEST_TEXT, redact } from './redact.ts'
import { resolveSettings, type Settings, type TelemetryOptions } from './settings.ts'
import { troubleReporter } from './trouble.ts'

export type Telemetry = {
  /** Where spans go. */
  readonly endpoint: string
  /** Resolves when all spans so far are delivered, or when none got through for 1.5 s. Never rejects. */
  flush(): Promise<void>
  /** Flushes and ends; `startTelemetry` may be called anew. Cycles after it still run, unrecorded. Never rejects. */
  shutdown(): Promise<void>
}

type SdkOptions = NonNullable<ConstructorParameters<typeof NodeSDK>[0]>

/** The SDK is one per process, as OpenTelemetry's globals are. */
let active: { queue: Queue } | undefined

/**
 * Starts recording. Call it once, before the first cycle; it takes no part in whether the job runs, also when nothing
 * listens at the endpoint. Throws BadInput with every wrong option, or when telemetry is already started.
 */
export function startTelemetry(options: TelemetryOptions): Telemetry {
  const settings = resolveSettings(options, otelEnvironment(), hostname())
  if (active) throw new BadInput('telemetry is already started; call shutdown() of the first before starting a second')
  if (isRecordedElsewhere()) {
    throw new BadInput(
      'another OpenTelemetry SDK is already started in this process and records cycles as it records everything; ' +
        'let it send to Cyclewatch, and leave startTelemetry out',
    )
  }
  const outlet = createOutlet(settings)
  const queue = createQueue(outlet, troubleReporter(settings.onError, Date.now))
  const started = { queue }
  const sdk = new NodeSDK(sdkOptions(settings, queue))
  sdk.start()
  active = started
  const forget = sayFarewell({
    hasPending: () => queue.pending().length > 0,
    flush: queue.flush,
    // An ingest that was down a moment ago is not worth blocking for.
    flushBlocking: (withinMs) => queue.isStuck() || outlet.sendBlocking(queue.batches(), withinMs),
  })
  return {
    endpoint: redact(settings.tracesUrl),
    flush: () => queue.flush(FAREWELL_MS),
    async shutdown() {
      if (active !== started) return
      active = undefined
      forget()
      releaseGlobals()
      await queue.flush(FAREWELL_MS)
      queue.close()
      outlet.close()
      await sdk.shutdown().catch(() => {})
    },
  }
}

/** Sends in the background what a cycle left behind. */
export function flushSoon(): void {
  active?.queue.flushSoon()
}

function isRecordedElsewhere(): boolean {
  return trace.getTracer('cyclewatch').startSpan('is anybody recording').isRecording()
}

/** Empty lists, where the SDK's own defaults would start exporters of metrics and logs. */
function sdkOptions({ resource }: Settings, queue: Queue): Partial<SdkOptions> {
  return {
    resourceDetectors: [{ detect: () => ({ attributes: cleanResource(resource) }) }],
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: [],
    // Every cycle counts: percentiles of a sample would be those of another job.
    sampler: { shouldSample: () => ({ decision: SamplingDecision.RECORD_AND_SAMPLED }), toString: () => 'every cycle' },
    spanLimits: { attributeValueLengthLimit: LONGEST_TEXT, attributeCountLimit: 128 },
    spanProcessors: [
      {
        onStart: () => {},
        onEnd: (span) => queue.add(span),
        forceFlush: () => queue.flush(FAREWELL_MS),
        shutdown: async () => {},
      },
    ],
  }
}

/** With what OTEL_RESOURCE_ATTRIBUTES adds; both may hold a URL with its password. */
function cleanResource(resource: Settings['resource']): Record<string, unknown> {
  const attributes: Record<string, unknown> = { ...resourceAttributesEnvDetector.detect().attributes, ...resource }
  cleanValues(attributes)
  return attributes
}

function releaseGlobals(): void {
  trace.disable()
  context.disable()
  propagation.disable()
  logs.disable()
}
