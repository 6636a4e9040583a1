// A program with the stock OpenTelemetry SDK: the environment says which exporters, and where they send. What it prints
// is what went wrong.

import { DiagConsoleLogger, DiagLogLevel, diag, logs, metrics, SeverityNumber, trace } from '@opentelemetry/api'
import { NodeSDK } from '@opentelemetry/sdk-node'

diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.WARN)
const sdk = new NodeSDK({ serviceName: process.argv[2] as string })
sdk.start()

const tracer = trace.getTracer('exporting')
const meter = metrics.getMeter('exporting')
for (let number = 0; number < 20; number++) {
  tracer.startActiveSpan(`span ${number}`, { attributes: { number, list: ['a', 'b'] } }, (span) => {
    logs.getLogger('exporting').emit({
      ...{ eventName: 'told', severityNumber: SeverityNumber.INFO, body: { number, text: 'told' } },
      attributes: { number },
    })
    span.end()
  })
}
meter.createCounter('things').add(7, { kind: 'counted' })
meter.createHistogram('sizes').record(12.5)
meter.createGauge('level').record(-3)

await sdk.shutdown()
