// A job that knows nothing of Cyclewatch: the stock OpenTelemetry SDK and its exporter.
import { setTimeout as sleep } from 'node:timers/promises'
import { trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { NodeSDK } from '@opentelemetry/sdk-node'

// Sends to OTEL_EXPORTER_OTLP_ENDPOINT, or else to http://localhost:4318.
const sdk = new NodeSDK({ serviceName: 'nightly', traceExporter: new OTLPTraceExporter() })
sdk.start()

const tracer = trace.getTracer('nightly')
await tracer.startActiveSpan('run report', async (report) => {
  await tracer.startActiveSpan('read orders', { attributes: { 'db.system.name': 'postgresql' } }, async (query) => {
    await sleep(200)
    query.end()
  })
  await tracer.startActiveSpan('render', async (render) => {
    await sleep(100)
    render.end()
  })
  report.end()
})

// Sends what is left; without the catch a receiver that is down would fail the job.
await sdk.shutdown().catch(console.error)
