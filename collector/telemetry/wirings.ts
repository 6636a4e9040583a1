// For each kind of telemetry and each encoding: who exports it, and how it is encoded.

import type { ExportResult } from '@opentelemetry/core'
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http'
import { OTLPLogExporter as ProtobufLogExporter } from '@opentelemetry/exporter-logs-otlp-proto'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { OTLPMetricExporter as ProtobufMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtobufTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import * as otlp from '@opentelemetry/otlp-transformer'
import type { Protocol } from '#collector/telemetry/targets.ts'

export type ExportedSpan = Parameters<OTLPTraceExporter['export']>[0][number]
export type ExportedRecord = Parameters<OTLPLogExporter['export']>[0][number]
export type ExportedMetrics = Parameters<OTLPMetricExporter['export']>[0]

export type ExporterConfig = NonNullable<ConstructorParameters<typeof OTLPTraceExporter>[0]>
export type Exporter<Payload> = { export(payload: Payload, done: (result: ExportResult) => void): void }

export type Wiring<Payload> = Record<
  Protocol,
  {
    Exporter: new (config: ExporterConfig) => Exporter<Payload>
    serializer: { serializeRequest(payload: Payload): Uint8Array | undefined }
  }
>

export const SPANS: Wiring<ExportedSpan[]> = {
  'http/json': { Exporter: OTLPTraceExporter, serializer: otlp.JsonTraceSerializer },
  'http/protobuf': { Exporter: ProtobufTraceExporter, serializer: otlp.ProtobufTraceSerializer },
}

export const RECORDS: Wiring<ExportedRecord[]> = {
  'http/json': { Exporter: OTLPLogExporter, serializer: otlp.JsonLogsSerializer },
  'http/protobuf': { Exporter: ProtobufLogExporter, serializer: otlp.ProtobufLogsSerializer },
}

export const METRICS: Wiring<ExportedMetrics> = {
  'http/json': { Exporter: OTLPMetricExporter, serializer: otlp.JsonMetricsSerializer },
  'http/protobuf': { Exporter: ProtobufMetricExporter, serializer: otlp.ProtobufMetricsSerializer },
}
