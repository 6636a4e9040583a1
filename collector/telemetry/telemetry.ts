// startTelemetry: the OpenTelemetry SDK of a job's process: traces, log records and metrics, sent to one address.

import { hostname } from 'node:os'
import { stderr } from 'node:process'
import { context, logs, propagation, SamplingDecision, trace } from '@opentelemetry/api'
import {
  defaultResource,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { LONGEST_TEXT, redact } from '#collector/redact.ts'
import { cleanValues } from '#collector/telemetry/clean.ts'
import { otelEnvironment } from '#collector/telemetry/environment.ts'
import { tellStarted } from '#collector/telemetry/events.ts'
import { FAREWELL_MS, sayFarewell } from '#collector/telemetry/farewell.ts'
import { openPipeline, type Pipeline } from '#collector/telemetry/pipeline.ts'
import { showProgress } from '#collector/telemetry/progress.ts'
import { openProgressView } from '#collector/telemetry/progress-view.ts'
import { putIntoRegistry } from '#collector/telemetry/prometheus.ts'
import { resolveSettings, type Settings, type TelemetryOptions } from '#collector/telemetry/settings.ts'
import { BadInput } from '#model/errors.ts'

type SdkOptions = NonNullable<ConstructorParameters<typeof NodeSDK>[0]>

export type Telemetry = {
  /** Where spans are sent, without credentials. */
  readonly endpoint: string
  /** Sends what has gathered. Resolves when that is done or was given up; never rejects. */
  flush(): Promise<void>
  /** Flushes and stops recording; telemetry may be started anew afterwards. Never rejects. */
  shutdown(): Promise<void>
}

/** OpenTelemetry's API has one place for an SDK, so a process has one telemetry. */
let active: { pipeline: Pipeline } | undefined

/**
 * Starts recording. Call it once, before the first cycle; it takes no part in whether the job runs, also when nothing
 * listens at the endpoint. Throws BadInput with every wrong option, or when telemetry is already started.
 */
export function startTelemetry(options: TelemetryOptions): Telemetry {
  const settings = resolveSettings(options, otelEnvironment(), hostname())
  if (active) throw new BadInput('telemetry is already started; call shutdown() of the first before starting a second')
  if (isRecorded()) {
    throw new BadInput(
      'another OpenTelemetry SDK is already started in this process and records cycles as it records everything; ' +
        'let it send to Cyclewatch, and leave startTelemetry out',
    )
  }
  const resource = resourceOf(settings)
  const pipeline = openPipeline(settings, resource, Date.now)
  const leaveRegistry = settings.registry ? putIntoRegistry(settings.registry, pipeline.figures) : () => {}
  const view = openProgressView(settings.progress, stderr)
  const hideProgress = showProgress(view)
  const started = { pipeline }
  const sdk = new NodeSDK(sdkOptions(resource, pipeline, (traceId) => view?.end(traceId)))
  sdk.start()
  active = started
  const forget = sayFarewell(pipeline)
  const stop = async () => {
    forget()
    releaseGlobals()
    hideProgress()
    leaveRegistry()
    await pipeline.flush(FAREWELL_MS)
    pipeline.close()
    await sdk.shutdown().catch(() => {})
  }
  return {
    endpoint: redact(settings.targets.traces?.url ?? ''),
    flush: () => pipeline.flush(FAREWELL_MS),
    async shutdown() {
      if (active !== started) return
      active = undefined
      await stop()
    },
  }
}

/** Sends in the background what a cycle left behind. */
export function flushSoon(): void {
  active?.pipeline.spans.flushSoon()
}

function isRecorded(): boolean {
  return trace.getTracer('cyclewatch').startSpan('is anybody recording').isRecording()
}

/** An empty list of metric readers, where the SDK's own default would start an exporter: metrics are counted by us. */
function sdkOptions(
  resource: Resource,
  { spans, records, counts }: Pipeline,
  onEnd: (traceId: string) => void,
): Partial<SdkOptions> {
  const flush = async () => void (await Promise.all([spans.flush(FAREWELL_MS), records.flush(FAREWELL_MS)]))
  return {
    resource,
    autoDetectResources: false,
    instrumentations: [],
    metricReaders: [],
    // Every cycle counts: percentiles of a sample would be those of another job.
    sampler: { shouldSample: () => ({ decision: SamplingDecision.RECORD_AND_SAMPLED }), toString: () => 'every cycle' },
    spanLimits: { attributeValueLengthLimit: LONGEST_TEXT, attributeCountLimit: 128 },
    spanProcessors: [
      {
        onStart(span) {
          counts.began(span)
          tellStarted(span)
        },
        onEnd(span) {
          counts.ended(span)
          spans.add(span)
          if (!span.parentSpanContext) onEnd(span.spanContext().traceId)
        },
        forceFlush: flush,
        shutdown: async () => {},
      },
    ],
    logRecordProcessors: [{ onEmit: (record) => records.add(record), forceFlush: flush, shutdown: async () => {} }],
  }
}

/** With what OTEL_RESOURCE_ATTRIBUTES adds; both may hold a URL with its password. */
function resourceOf({ resource }: Settings): Resource {
  const attributes: Record<string, unknown> = { ...resourceAttributesEnvDetector.detect().attributes, ...resource }
  cleanValues(attributes)
  return defaultResource().merge(resourceFromAttributes(attributes as Settings['resource']))
}

function releaseGlobals(): void {
  trace.disable()
  context.disable()
  propagation.disable()
  logs.disable()
}
