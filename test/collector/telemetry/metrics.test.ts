import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { cycle, type Trouble } from '#collector/collector.ts'
import { observeGauge, observePool } from '#collector/telemetry/observed.ts'
import type { ReceivedMetric, Receiver } from '#test/collector/receiver.ts'
import { deadUrl, serve } from '#test/collector/receiver.ts'
import { start, until } from '#test/collector/telemetry/telling.ts'

/** The last that arrived under this name. */
function last(receiver: Receiver, name: string): ReceivedMetric {
  const found = receiver.metrics.findLast((metric) => metric.name === name)
  if (!found) throw new Error(`no ${name} among ${receiver.metrics.map((metric) => metric.name).join(', ')}`)
  return found
}

test('counts cycles by name and outcome, in the buckets', async () => {
  const { receiver, telemetry } = await start()
  await cycle('coins', () => {})
  await cycle('coins', () => sleep(5))
  await cycle('terminals', (run) => run.partial('two are missing'))
  await cycle('coins', () => Promise.reject(new Error('broken'))).catch(() => {})
  await telemetry.flush()
  const { unit, kind, points, resource } = last(receiver, 'cycle.duration')
  expect({ unit, kind }).toEqual({ unit: 's', kind: 'histogram' })
  expect(resource['service.name']).toBe('prices')
  expect(points.map(({ attributes, count, bucketCounts }) => [attributes, count, bucketCounts])).toEqual([
    [{ 'cycle.name': 'coins', 'cycle.outcome': 'ok' }, 2, [2, 0, 0, 0]],
    [{ 'cycle.name': 'terminals', 'cycle.outcome': 'partial' }, 1, [1, 0, 0, 0]],
    [{ 'cycle.name': 'coins', 'cycle.outcome': 'failed' }, 1, [1, 0, 0, 0]],
  ])
  expect(points[0]).toMatchObject({ explicitBounds: [20, 30, 60] })
  expect(points[0]?.sum).toBeGreaterThan(0.004)
  expect(points[0]?.sum).toBeLessThan(5)
  expect(points[0]?.startMs).toBeLessThanOrEqual(points[0]?.timeMs as number)
})

test('counts the cycles that run', async () => {
  const { receiver, telemetry } = await start()
  const activeNow = async () => {
    await telemetry.flush()
    return last(receiver, 'cycle.active').points.map(({ attributes, asDouble }) => [attributes['cycle.name'], asDouble])
  }
  await cycle('coins', () =>
    cycle('coins', async () => {
      await cycle('terminals', async () =>
        expect(await activeNow()).toEqual([
          ['coins', 2],
          ['terminals', 1],
        ]),
      )
      expect(await activeNow()).toEqual([
        ['coins', 2],
        ['terminals', 0],
      ])
    }),
  )
  expect(await activeNow()).toEqual([
    ['coins', 0],
    ['terminals', 0],
  ])
  expect(last(receiver, 'cycle.active')).toMatchObject({ kind: 'sum', unit: '{cycle}' })
})

test('counts request attempts by the semantic conventions', async () => {
  const upstream = await serve((request, response) => {
    response.statusCode = request.url === '/missing' ? 404 : 200
    response.end('x')
  })
  const dead = await deadUrl()
  const { receiver, telemetry } = await start()
  await cycle('coins', async (run) => {
    await run.fetch(`${upstream.url}/coins/7?token=geheim`, { template: '/coins/{id}' })
    await run.fetch(`${upstream.url}/coins/8`, { template: '/coins/{id}' })
    await run.fetch(`${upstream.url}/missing`)
    // By its own attempts, however many its policy makes of it.
    await run.fetch(dead, { method: 'POST' }).catch(() => {})
  })
  await telemetry.flush()
  const { unit, points } = last(receiver, 'http.client.request.duration')
  expect(unit).toBe('s')
  const own = {
    'http.request.method': 'GET',
    'server.address': '127.0.0.1',
    'server.port': Number(new URL(upstream.url).port),
  }
  expect(points.slice(0, 2).map(({ attributes, count }) => ({ ...attributes, count }))).toEqual([
    { ...own, 'http.response.status_code': 200, 'url.template': '/coins/{id}', count: 2 },
    { ...own, 'http.response.status_code': 404, 'error.type': '404', count: 1 },
  ])
  expect(points[2]?.attributes).toMatchObject({ 'http.request.method': 'POST', 'error.type': 'ECONNREFUSED' })
  expect(points[0]?.explicitBounds).toEqual([0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10])
  expect(JSON.stringify(points)).not.toContain('geheim')
  await upstream.close()
})

const process_: [name: string, unit: string, kind: string, low: number, high: number][] = [
  ['process.cpu.time', 's', 'sum', 0.001, 1e6],
  ['process.cpu.utilization', '1', 'gauge', 0, 1],
  ['process.memory.usage', 'By', 'sum', 1e7, 1e11],
  ['process.memory.limit', 'By', 'sum', 1e7, 1e15],
  ['process.memory.utilization', '1', 'gauge', 0.0001, 1],
  ['process.open_socket.count', '{socket}', 'sum', 0, 1e5],
  ['nodejs.eventloop.delay.min', 's', 'gauge', 0, 1],
  ['nodejs.eventloop.delay.max', 's', 'gauge', 0.05, 10],
  ['nodejs.eventloop.delay.mean', 's', 'gauge', 0.0001, 10],
  ['nodejs.eventloop.delay.stddev', 's', 'gauge', 0.0001, 10],
  ['nodejs.eventloop.delay.p50', 's', 'gauge', 0, 10],
  ['nodejs.eventloop.delay.p90', 's', 'gauge', 0, 10],
  ['nodejs.eventloop.delay.p99', 's', 'gauge', 0.05, 10],
  ['nodejs.eventloop.utilization', '1', 'gauge', 0.01, 1],
]

test('tells of the process by the semantic conventions', async () => {
  const { receiver, telemetry } = await start()
  await sleep(60)
  const until = performance.now() + 100
  while (performance.now() < until);
  await sleep(60)
  await telemetry.flush()
  for (const [name, unit, kind, low, high] of process_) {
    const metric = last(receiver, name)
    expect(metric, name).toMatchObject({ unit, kind })
    for (const { asDouble } of metric.points) {
      expect(asDouble, name).toBeGreaterThanOrEqual(low)
      expect(asDouble, name).toBeLessThanOrEqual(high)
    }
  }
  const modes = last(receiver, 'process.cpu.time').points.map(({ attributes }) => attributes['cpu.mode'])
  expect(modes).toEqual(['user', 'system'])
})

test('tells of pools and gauges as they are when it is sent, and leaves out those that throw', async () => {
  let used = 3
  const stops = [
    observePool('upstream', () => ({ used, idle: 2, pending: 7, max: 10 })),
    observePool('prices', () => ({ used: 1, max: 4 }), { kind: 'db' }),
    observePool('broken', () => {
      throw new Error('gone')
    }),
    observeGauge('quota.remaining', () => [{ value: 42, labels: { host: 'api.example' } }], { unit: '{call}' }),
    observeGauge('odd', () => Number.NaN),
  ]
  const { receiver, telemetry } = await start()
  used = 4
  await telemetry.flush()
  const told = (name: string) => last(receiver, name).points.map(({ attributes, asDouble }) => [attributes, asDouble])
  expect(told('pool.count')).toEqual([
    [{ 'pool.name': 'upstream', 'pool.state': 'used' }, 4],
    [{ 'pool.name': 'upstream', 'pool.state': 'idle' }, 2],
  ])
  expect(told('pool.pending')).toEqual([[{ 'pool.name': 'upstream' }, 7]])
  expect(told('pool.max')).toEqual([[{ 'pool.name': 'upstream' }, 10]])
  expect(told('db.client.connection.count')).toEqual([
    [{ 'db.client.connection.pool.name': 'prices', 'db.client.connection.state': 'used' }, 1],
  ])
  expect(told('db.client.connection.max')).toEqual([[{ 'db.client.connection.pool.name': 'prices' }, 4]])
  expect(told('quota.remaining')).toEqual([[{ host: 'api.example' }, 42]])
  expect(receiver.metrics.map(({ name }) => name)).not.toContain('odd')
  for (const stop of stops) stop()
  receiver.metrics.length = 0
  await telemetry.flush()
  expect(receiver.metrics.map(({ name }) => name)).not.toContain('pool.count')
})

test('refuses pools and gauges that cannot be read', () => {
  expect(() => observePool('', () => ({}))).toThrow('the name of a pool must not be empty')
  expect(() => observePool('p', {} as () => object)).toThrow("pool 'p' needs a function")
  expect(() => observePool('p', () => ({}), { kind: 'redis' as 'db' })).toThrow(
    "kind of pool 'p' is 'redis'; allowed are pool, db",
  )
  expect(() => observeGauge('g', 3 as unknown as () => number)).toThrow("gauge 'g' needs a function")
})

test('sends by itself as often as the environment says', async () => {
  process.env.OTEL_METRIC_EXPORT_INTERVAL = '50'
  const { receiver } = await start()
  delete process.env.OTEL_METRIC_EXPORT_INTERVAL
  await until(() => receiver.metrics.filter(({ name }) => name === 'process.cpu.time').length >= 3, 'three exports')
})

test('loses no count while ingest is away, and holds nothing for it', async () => {
  let down = true
  const troubles: Trouble[] = []
  const { receiver, telemetry } = await start({ onError: (trouble) => troubles.push(trouble) }, (_, response) =>
    response.writeHead(down ? 503 : 200).end('{}'),
  )
  for (let n = 0; n < 3; n += 1) {
    await cycle('coins', () => {})
    await telemetry.flush()
  }
  expect(troubles).toHaveLength(1)
  down = false
  await telemetry.flush()
  expect(last(receiver, 'cycle.duration').points).toMatchObject([{ count: 3 }])
})

test('has one export on the way and one that waits, however often it is asked', async () => {
  const held = Promise.withResolvers<void>()
  const { receiver, telemetry } = await start({}, (request, response) => {
    if (request.url === '/v1/metrics') void held.promise.then(() => response.end('{}'))
    else response.end('{}')
  })
  const flushes = Array.from({ length: 50 }, () => telemetry.flush())
  const exports = () => receiver.otherRequests.filter(({ path }) => path === '/v1/metrics').length
  await until(exports, 'the first export')
  expect(exports()).toBe(1)
  held.resolve()
  await Promise.all(flushes)
  expect(exports()).toBe(2)
})

test('leaves out what the environment turns off', async () => {
  process.env.OTEL_METRICS_EXPORTER = 'none'
  process.env.OTEL_LOGS_EXPORTER = 'none'
  const { receiver, telemetry } = await start()
  delete process.env.OTEL_METRICS_EXPORTER
  delete process.env.OTEL_LOGS_EXPORTER
  await cycle('coins', () => {})
  await telemetry.flush()
  expect(receiver.named('coins')).toHaveLength(1)
  expect(receiver.otherRequests).toEqual([])
})

test('speaks protobuf when the environment says so', async () => {
  process.env.OTEL_EXPORTER_OTLP_PROTOCOL = 'http/protobuf'
  const { receiver, telemetry } = await start()
  delete process.env.OTEL_EXPORTER_OTLP_PROTOCOL
  await cycle('coins', () => {})
  await telemetry.flush()
  for (const path of ['/v1/logs', '/v1/metrics']) {
    const request = receiver.otherRequests.find((each) => each.path === path)
    expect(request?.headers['content-type']).toBe('application/x-protobuf')
    expect(request?.body).toContain('coins')
  }
})
