import { Registry } from 'prom-client'
import { afterEach, expect, test } from 'vitest'
import { cycle, type TelemetryOptions } from '#collector/collector.ts'
import type { Figure } from '#collector/telemetry/figures.ts'
import { observeGauge, observePool } from '#collector/telemetry/observed.ts'
import { prometheusName } from '#collector/telemetry/prometheus.ts'
import { type MetricsServer, serveMetrics } from '#collector/telemetry/serve-metrics.ts'
import { serve } from '#test/collector/receiver.ts'
import { start } from '#test/collector/telemetry/telling.ts'

let server: MetricsServer | undefined
afterEach(() => server?.close())

const names: [name: string, unit: string, kind: Figure['kind'], prometheus: string][] = [
  ['cycle.duration', 's', 'histogram', 'cycle_duration_seconds'],
  ['cycle.active', '{cycle}', 'updown', 'cycle_active'],
  ['process.cpu.time', 's', 'counter', 'process_cpu_time_seconds_total'],
  ['process.cpu.utilization', '1', 'gauge', 'process_cpu_utilization_ratio'],
  ['process.memory.usage', 'By', 'updown', 'process_memory_usage_bytes'],
  ['wait.seconds', 's', 'gauge', 'wait_seconds'],
  ['7.of-nine', '1', 'counter', '_7_of_nine_total'],
]

for (const [name, unit, kind, prometheus] of names) {
  test(`calls ${name} ${prometheus}`, () => expect(prometheusName({ name, unit, kind })).toBe(prometheus))
}

test('offers the same figures for Prometheus', async () => {
  const registry = new Registry()
  const { telemetry } = await start({ metrics: { registry } })
  const stop = observePool('upstream', () => ({ used: 3 }))
  const stopGauge = observeGauge('quota.remaining', () => 42, { unit: '{call}' })
  const upstream = await serve((_, response) => response.end('x'))
  await cycle('coins "fast"', (run) => run.fetch(upstream.url, { template: '/' }))
  const lines = (await registry.metrics()).split('\n')
  expect(lines).toEqual(
    expect.arrayContaining([
      '# TYPE cycle_duration_seconds histogram',
      'cycle_duration_seconds_bucket{cycle_name="coins \\"fast\\"",cycle_outcome="ok",le="20"} 1',
      'cycle_duration_seconds_bucket{cycle_name="coins \\"fast\\"",cycle_outcome="ok",le="+Inf"} 1',
      'cycle_duration_seconds_count{cycle_name="coins \\"fast\\"",cycle_outcome="ok"} 1',
      '# TYPE cycle_active gauge',
      'cycle_active{cycle_name="coins \\"fast\\""} 0',
      '# TYPE process_cpu_time_seconds_total counter',
      '# HELP process_memory_usage_bytes Resident memory.',
      'pool_count{pool_name="upstream",pool_state="used"} 3',
      'quota_remaining 42',
    ]),
  )
  const port = new URL(upstream.url).port
  const labels = `http_request_method="GET",server_address="127.0.0.1",server_port="${port}",http_response_status_code="200",url_template="/"`
  expect(lines).toContain(`http_client_request_duration_seconds_count{${labels}} 1`)
  stop()
  stopGauge()
  await telemetry.shutdown()
  expect((await registry.metrics()).trim()).toBe('')
  await upstream.close()
})

test('takes no window away from the metrics that are sent', async () => {
  const registry = new Registry()
  const { receiver, telemetry } = await start({ metrics: { registry } })
  await new Promise((resolve) => setTimeout(resolve, 50))
  const until = performance.now() + 100
  while (performance.now() < until);
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(await registry.metrics()).toMatch(/^nodejs_eventloop_delay_max_seconds 0\.\d/m)
  await telemetry.flush()
  const [max] = receiver.metrics.filter(({ name }) => name === 'nodejs.eventloop.delay.max')
  expect(max?.points[0]?.asDouble).toBeGreaterThan(0.05)
})

test('refuses a registry that has metrics by these names, and one that is none', async () => {
  const registry = new Registry()
  registry.registerMetric({ name: 'cycle_active' } as never)
  await expect(start({ metrics: { registry } })).rejects.toThrow(
    'cannot use metrics.registry: A metric with the name cycle_active',
  )
  expect(registry.getMetricsAsArray()).toHaveLength(1)
  const wrong = { metrics: { registry: {} } } as Partial<TelemetryOptions>
  await expect(start(wrong)).rejects.toThrow('metrics.registry must be a Registry of prom-client')
})

test('serves metrics on loopback', async () => {
  const registry = new Registry()
  await start({ metrics: { registry } })
  server = await serveMetrics({ registry, listen: '127.0.0.1:0' })
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
  const answer = await fetch(server.url)
  expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4')
  expect(await answer.text()).toContain('process_cpu_time_seconds_total')
  expect((await fetch(new URL('/', server.url))).status).toBe(404)
  expect((await fetch(server.url, { method: 'POST' })).status).toBe(405)
  await expect(serveMetrics({ registry, listen: new URL(server.url).host })).rejects.toThrow('EADDRINUSE')
  await expect(serveMetrics({ registry, listen: '9464' })).rejects.toThrow("'9464' is not host:port")
})
