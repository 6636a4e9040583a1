// The three ways out of the process, for spans, log records and metrics, as one.

import type { Resource } from '@opentelemetry/resources'
import type { Figure } from '#collector/telemetry/figures.ts'
import { sendBlocking } from '#collector/telemetry/last-words.ts'
import { createMeter } from '#collector/telemetry/meter.ts'
import { observedFigures } from '#collector/telemetry/observed.ts'
import { exportedMetrics } from '#collector/telemetry/otlp-metrics.ts'
import { createOutlet } from '#collector/telemetry/outlet.ts'
import { createProcessFigures } from '#collector/telemetry/process-figures.ts'
import { createQueue, type Queue, RECORD_KIND, SPAN_KIND } from '#collector/telemetry/queue.ts'
import type { Settings } from '#collector/telemetry/settings.ts'
import { createSpanFigures, type SpanFigures } from '#collector/telemetry/span-figures.ts'
import { troubleReporter } from '#collector/telemetry/trouble.ts'
import { type ExportedRecord, type ExportedSpan, METRICS, RECORDS, SPANS } from '#collector/telemetry/wirings.ts'

export type Pipeline = {
  spans: Queue<ExportedSpan>
  records: Queue<ExportedRecord>
  counts: SpanFigures
  /** All metrics but those that job code has observed. */
  figures: Figure[]
  hasPending(): boolean
  /** Resolves when all is sent, when sending fails, or when nothing got through for `patienceMs`. */
  flush(patienceMs: number): Promise<void>
  flushBlocking(withinMs: number): void
  /** Ends all sending for good. */
  close(): void
}

export function openPipeline(settings: Settings, resource: Resource, now: () => number): Pipeline {
  const { targets, metricsEveryMs: everyMs, onError } = settings
  const trouble = troubleReporter(onError, now)
  const outlets = openOutlets(targets)
  const spans = createQueue(SPAN_KIND, outlets.spans, trouble('traces'))
  const records = createQueue(RECORD_KIND, outlets.records, trouble('logs'))
  const counts = createSpanFigures()
  const ofProcess = createProcessFigures()
  const figures = [...counts.figures, ...ofProcess.figures]
  const startedAt = now()
  const collect = () => {
    const metrics = exportedMetrics([...figures, ...observedFigures()], resource, startedAt, now())
    ofProcess.advance()
    return metrics
  }
  const { changes } = counts
  const meter = createMeter({ outlet: outlets.metrics, collect, changes, everyMs, onFailure: trouble('metrics') })
  return {
    spans,
    records,
    counts,
    figures,
    hasPending: () => spans.pending().length + records.pending().length > 0 || meter.isDirty(),
    flush: async (patienceMs) =>
      void (await Promise.all([spans, records, meter].map((each) => each.flush(patienceMs)))),
    flushBlocking(withinMs) {
      // An ingest that was down a moment ago is not worth blocking for.
      const letters = [
        outlets.spans.letters(spans.isStuck() ? [] : spans.batches()),
        outlets.records.letters(records.isStuck() ? [] : records.batches()),
        outlets.metrics.letters(meter.isStuck() || !meter.isDirty() ? [] : [collect()]),
      ]
      sendBlocking(letters, withinMs)
    },
    close() {
      for (const each of [spans, records, meter, ofProcess, ...Object.values(outlets)]) each.close()
    },
  }
}

function openOutlets({ traces, logs, metrics }: Settings['targets']) {
  return {
    spans: createOutlet(SPANS, traces),
    records: createOutlet(RECORDS, logs),
    metrics: createOutlet(METRICS, metrics),
  }
}
