import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { context, logs, propagation, trace } from '@opentelemetry/api'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { cycle, startTelemetry, type Telemetry, type TelemetryOptions, type Trouble } from '#collector/collector.ts'
import { deadUrl, isOfSpans, startReceiver } from '#test/collector/receiver.ts'

let telemetry: Telemetry | undefined
const unhandled: unknown[] = []
const listen = (reason: unknown) => void unhandled.push(reason)

beforeEach(() => {
  process.on('unhandledRejection', listen)
})
afterEach(async () => {
  await telemetry?.shutdown()
  telemetry = undefined
  process.removeListener('unhandledRejection', listen)
  expect(unhandled.splice(0)).toEqual([])
})

function start(options: Omit<TelemetryOptions, 'service'>): Telemetry {
  telemetry = startTelemetry({ service: 'prices', ...options })
  return telemetry
}

test('sends resource, headers and path', async () => {
  const receiver = await startReceiver()
  start({
    endpoint: receiver.url,
    version: '1.4.0',
    revision: 'ab12',
    environment: 'test',
    headers: { authorization: 'Bearer t' },
  })
  await cycle('coins', () => {})
  await telemetry?.flush()
  expect(receiver.requests[0]).toMatchObject({
    path: '/v1/traces',
    headers: { authorization: 'Bearer t', 'content-type': 'application/json' },
  })
  const { resource } = receiver.one('coins')
  expect(resource).toMatchObject({
    'service.name': 'prices',
    'service.version': '1.4.0',
    'vcs.ref.head.revision': 'ab12',
    'deployment.environment.name': 'test',
  })
  expect(resource['host.name']).toMatch(/./)
  expect(resource).not.toHaveProperty('process.command_args')
  await receiver.close()
})

test('delivers by itself after a cycle, without a flush', async () => {
  const arrived = Promise.withResolvers<void>()
  const receiver = await startReceiver((request, response) => {
    response.end('{}')
    if (isOfSpans(request)) arrived.resolve()
  })
  start({ endpoint: receiver.url })
  await cycle('coins', () => {})
  await arrived.promise
  expect(receiver.named('coins')).toHaveLength(1)
  await receiver.close()
})

test('delivers a cycle of 10,000 steps whole', async () => {
  const receiver = await startReceiver()
  start({ endpoint: receiver.url })
  await cycle('coins', async (run) => {
    for (let i = 0; i < 10_000; i += 1) await run.step('part', 'compute', () => {})
  })
  while (receiver.named('coins').length === 0) await telemetry?.flush()
  expect(receiver.named('part')).toHaveLength(10_000)
  await receiver.close()
})

test('starts anew after a shutdown', async () => {
  const receivers = [await startReceiver(), await startReceiver()]
  for (const [index, receiver] of receivers.entries()) {
    start({ endpoint: receiver.url })
    await cycle(`run ${index}`, (run) => run.step('part', 'compute', () => {}))
    await telemetry?.shutdown()
    await telemetry?.shutdown()
  }
  expect(receivers.map((receiver) => receiver.spans.map((span) => span.name).toSorted())).toEqual([
    ['part', 'run 0'],
    ['part', 'run 1'],
  ])
  for (const receiver of receivers) await receiver.close()
})

test('refuses to start twice at once', () => {
  start({})
  expect(() => startTelemetry({ service: 'second' })).toThrow('telemetry is already started')
})

test('speaks protobuf when the environment says so', async () => {
  const receiver = await startReceiver()
  process.env.OTEL_EXPORTER_OTLP_PROTOCOL = 'http/protobuf'
  start({ endpoint: receiver.url })
  delete process.env.OTEL_EXPORTER_OTLP_PROTOCOL
  await cycle('coins', () => {})
  await telemetry?.flush()
  expect(receiver.requests[0]?.headers['content-type']).toBe('application/x-protobuf')
  expect(receiver.requests[0]?.body).toContain('coins')
  await receiver.close()
})

test('leaves recording to an SDK that is already there', async () => {
  const spans: string[] = []
  const onEnd = (span: { name: string }) => void spans.push(span.name)
  const processor = { onStart() {}, onEnd, forceFlush: async () => {}, shutdown: async () => {} }
  const sdk = new NodeSDK({
    spanProcessors: [processor],
    metricReaders: [],
    logRecordProcessors: [],
    resourceDetectors: [],
  })
  sdk.start()
  expect(() => start({})).toThrow('another OpenTelemetry SDK is already started')
  await cycle('coins', (run) => run.step('part', 'db', () => {}))
  expect(spans).toEqual(['part', 'coins'])
  await sdk.shutdown()
  for (const api of [trace, context, propagation, logs]) api.disable()
})

test('runs cycles and records nothing without telemetry', async () => {
  expect(await cycle('coins', (run) => run.step('part', 'db', () => run.traceId))).toBe('0'.repeat(32))
})

const answers: [what: string, listener: RequestListener][] = [
  ['answers 500', (_, response) => response.writeHead(500).end('oops')],
  ['answers 503', (_, response) => response.writeHead(503, { 'retry-after': '1' }).end()],
  ['answers 400', (_, response) => response.writeHead(400).end('{"message":"no"}')],
  ['answers nonsense', (_, response) => response.end('<html>')],
  ['never answers', () => {}],
  ['hangs up', (request) => request.socket.destroy()],
]

for (const [what, listener] of answers) {
  test(`leaves the job alone when ingest ${what}`, async () => {
    const receiver = await startReceiver(listener)
    await survives(receiver.url)
    await receiver.close()
  })
}

test('leaves the job alone when nothing listens', async () => survives(await deadUrl()))

test('leaves the job alone when what listens speaks no HTTP', async () => {
  const server = createServer((socket) => void socket.on('error', () => {}).end('nonsense\r\n')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  await survives(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  server.close()
})

test('leaves the job alone when the host is unknown', async () => survives('http://ingest.invalid'))

/** Values and errors come through, and flush and shutdown end soon. */
async function survives(endpoint: string): Promise<void> {
  start({ endpoint })
  expect(await cycle('coins', (run) => run.step('part', 'compute', () => 7))).toBe(7)
  await expect(cycle('coins', () => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
  const startedAt = performance.now()
  await telemetry?.flush()
  await telemetry?.shutdown()
  expect(performance.now() - startedAt).toBeLessThan(8_000)
}

test('says once that nothing can be delivered, without secrets', async () => {
  const troubles: Trouble[] = []
  start({
    endpoint: (await deadUrl()).replace('//', '//ann:pw@'),
    onError: (trouble) => {
      troubles.push(trouble)
      throw new Error('a listener that throws')
    },
  })
  for (let i = 0; i < 3; i += 1) {
    await cycle('coins', () => {})
    await telemetry?.flush()
  }
  expect(troubles).toEqual([
    { message: expect.stringMatching('ECONNREFUSED'), failedExports: 1, lostSpans: 0, lostLogs: 0 },
  ])
  expect(troubles[0]?.message).not.toContain('pw')
})

test('delivers what gathered while ingest was down once it is back', async () => {
  let down = true
  const receiver = await startReceiver((_, response) => response.writeHead(down ? 503 : 200).end('{}'))
  start({ endpoint: receiver.url })
  await cycle('coins', () => {})
  await telemetry?.flush()
  receiver.spans.length = 0
  down = false
  await telemetry?.flush()
  expect(receiver.named('coins')).toHaveLength(1)
  await receiver.close()
})
