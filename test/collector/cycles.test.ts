import { setTimeout as sleep } from 'node:timers/promises'
import { context, trace } from '@opentelemetry/api'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { cycle, type Run, startTelemetry, type Telemetry } from '#collector/collector.ts'
import { type Receiver, startReceiver } from '#test/collector/receiver.ts'

let receiver: Receiver
let telemetry: Telemetry

beforeAll(async () => {
  receiver = await startReceiver()
  telemetry = startTelemetry({ service: 'prices', endpoint: receiver.url })
})
beforeEach(() => {
  receiver.spans.length = 0
})
afterAll(async () => {
  await telemetry.shutdown()
  await receiver.close()
})

async function watched<T>(fn: (run: Run) => T | Promise<T>): Promise<T> {
  const value = await cycle('coins', fn)
  await telemetry.flush()
  return value
}

test('records a root span with name, trigger and outcome, and returns the value', async () => {
  expect(await watched(() => 42)).toBe(42)
  const root = receiver.one('coins')
  expect(root.parentSpanId).toBeUndefined()
  expect(root.attributes).toMatchObject({ 'cycle.name': 'coins', 'cycle.trigger': 'schedule', 'cycle.outcome': 'ok' })
  expect(root.resource).toMatchObject({ 'service.name': 'prices' })
})

test('hands out the trace id that is exported', async () => {
  const traceId = await watched((run) => run.traceId)
  expect(receiver.one('coins').traceId).toBe(traceId)
})

test('records what the job says about its result', async () => {
  await cycle(
    'coins',
    (run) => {
      run.items(9)
      run.items(12)
      run.expect(20)
      run.partial('8 coins unknown')
      run.set('market', 'spot')
      run.set('nothing', undefined)
    },
    { trigger: 'manual' },
  )
  await telemetry.flush()
  const { attributes } = receiver.one('coins')
  expect(attributes).toMatchObject({
    'cycle.trigger': 'manual',
    'cycle.outcome': 'partial',
    'cycle.partial.reason': '8 coins unknown',
    'cycle.items': 12,
    'cycle.items.expected': 20,
    market: 'spot',
  })
  expect(attributes).not.toHaveProperty('nothing')
})

test('records the totals of its steps', async () => {
  await watched(async (run) => {
    await run.step('select coins', 'db', () => sleep(15))
    await run.step('insert prices', 'db', () => sleep(5))
    await run.step('rate', 'wait', () => sleep(10), { reason: 'rate_limit' })
    await run.step('look up', 'cache', (step) => {
      step.hit()
      step.hit()
      step.miss()
    })
  })
  const { attributes } = receiver.one('coins')
  expect(attributes).toMatchObject({
    'cycle.calls': 0,
    'cycle.retries': 0,
    'cycle.queries': 2,
    'cycle.cache.hits': 2,
    'cycle.cache.misses': 1,
    'cycle.bytes.received': 0,
    'cycle.bytes.sent': 0,
  })
  expect(attributes['cycle.db_ms']).toBeGreaterThanOrEqual(18)
  expect(attributes['cycle.wait_ms']).toBeGreaterThanOrEqual(9)
  expect(attributes['cycle.cpu_ms']).toBeGreaterThan(0)
  expect(attributes['cycle.memory.peak_bytes']).toBeGreaterThan(10_000_000)
})

test('records the mean concurrency of its steps', async () => {
  await watched((run) => Promise.all([1, 2, 3, 4].map((n) => run.step(`part ${n}`, 'compute', () => sleep(100)))))
  const mean = receiver.one('coins').attributes['cycle.concurrency.mean']
  expect(mean).toBeGreaterThan(2)
  expect(mean).toBeLessThanOrEqual(4)
})

test('ends as failed and rethrows unchanged when the job throws', async () => {
  const error = new RangeError('no price for https://ann:pw@h.org/?token=abc')
  await expect(watched(() => Promise.reject(error))).rejects.toBe(error)
  await telemetry.flush()
  const root = receiver.one('coins')
  expect(root.attributes['cycle.outcome']).toBe('failed')
  const shown = 'no price for https://REDACTED:REDACTED@h.org/?token=REDACTED'
  expect(root.status).toEqual({ code: 2, message: shown })
  expect(root.events[0]).toMatchObject({
    name: 'exception',
    attributes: { 'exception.type': 'RangeError', 'exception.message': shown },
  })
  expect(JSON.stringify(receiver.requests)).not.toMatch(/token=abc|ann:pw/)
})

const thrown: [what: string, error: unknown, outcome: string][] = [
  ['a TimeoutError', new DOMException('late', 'TimeoutError'), 'timeout'],
  [
    'an AbortError that a timeout caused',
    new Error('x', { cause: new DOMException('late', 'TimeoutError') }),
    'timeout',
  ],
  ['an AbortError of another cause', new DOMException('stopped', 'AbortError'), 'failed'],
  ['no Error at all', 'just a text', 'failed'],
  ['undefined', undefined, 'failed'],
]

for (const [what, error, outcome] of thrown) {
  test(`ends as ${outcome} when ${what} leaves it`, async () => {
    await expect(watched(() => Promise.reject(error))).rejects.toBe(error)
    await telemetry.flush()
    expect(receiver.one('coins').attributes['cycle.outcome']).toBe(outcome)
    expect(receiver.one('coins').status.code).toBe(2)
  })
}

test('ends as failed although it was partial when an error leaves it', async () => {
  const failing = watched((run) => {
    run.partial('one part is missing')
    throw new Error('and now this')
  })
  await expect(failing).rejects.toThrow('and now this')
  await telemetry.flush()
  expect(receiver.one('coins').attributes['cycle.outcome']).toBe('failed')
})

test('hangs steps below each other and copies the cycle down', async () => {
  await watched((run) =>
    run.step('outer', 'compute', async (step) => {
      step.set('size', 3)
      await run.step('inner', 'db', () => {})
    }),
  )
  const [root, outer, inner] = ['coins', 'outer', 'inner'].map(receiver.one)
  expect(outer?.parentSpanId).toBe(root?.spanId)
  expect(inner?.parentSpanId).toBe(outer?.spanId)
  expect(inner?.traceId).toBe(root?.traceId)
  expect(outer?.attributes).toEqual({ 'cycle.name': 'coins', 'step.kind': 'compute', size: 3 })
  expect(inner?.attributes).toEqual({ 'cycle.name': 'coins', 'step.kind': 'db' })
})

test('tells why a step waits', async () => {
  await watched((run) => run.step('pause', 'wait', () => {}, { reason: 'backoff' }))
  expect(receiver.one('pause').attributes).toMatchObject({ 'step.kind': 'wait', 'wait.reason': 'backoff' })
})

test('stays ok when the job handles the error of a step', async () => {
  await watched((run) =>
    run
      .step('fragile', 'compute', () => {
        throw new TypeError('broken')
      })
      .catch(() => {}),
  )
  expect(receiver.one('fragile').status).toEqual({ code: 2, message: 'broken' })
  expect(receiver.one('fragile').attributes['error.type']).toBe('TypeError')
  expect(receiver.one('coins').attributes['cycle.outcome']).toBe('ok')
})

test('keeps parallel cycles apart', async () => {
  const one = async (name: string) =>
    cycle(name, async (run) => {
      await sleep(Math.random() * 10)
      await run.step(`${name} a`, 'compute', () => run.step(`${name} b`, 'db', () => sleep(5)))
      run.items(name.length)
    })
  const names = ['one', 'two', 'three', 'four']
  await Promise.all(names.map(one))
  await telemetry.flush()
  for (const name of names) {
    const root = receiver.one(name)
    expect(receiver.one(`${name} a`)).toMatchObject({ traceId: root.traceId, parentSpanId: root.spanId })
    expect(receiver.one(`${name} b`).traceId).toBe(root.traceId)
    expect(root.attributes).toMatchObject({ 'cycle.queries': 1, 'cycle.items': name.length })
  }
})

test('links a cycle to the cycle around it, and lets the outer one go on inside it', async () => {
  await cycle('outer', (outer) =>
    cycle('inner', async (inner) => {
      await outer.step('of outer', 'db', () => {})
      await inner.step('of inner', 'db', () => {})
    }),
  )
  await telemetry.flush()
  const [outer, inner] = ['outer', 'inner'].map(receiver.one)
  expect(inner?.parentSpanId).toBeUndefined()
  expect(inner?.traceId).not.toBe(outer?.traceId)
  expect(inner?.links).toEqual([{ traceId: outer?.traceId, spanId: outer?.spanId }])
  expect(receiver.one('of outer').parentSpanId).toBe(outer?.spanId)
  expect(receiver.one('of inner').parentSpanId).toBe(inner?.spanId)
  expect(outer?.attributes['cycle.queries']).toBe(1)
})

test('links a cycle to the trace it is called from', async () => {
  const span = trace.getTracer('of the caller').startSpan('request')
  await context.with(trace.setSpan(context.active(), span), () => cycle('coins', () => {}))
  span.end()
  await telemetry.flush()
  expect(receiver.one('coins').parentSpanId).toBeUndefined()
  expect(receiver.one('coins').links).toEqual([
    { traceId: span.spanContext().traceId, spanId: span.spanContext().spanId },
  ])
})

test('survives steps that outlive their cycle or begin after it', async () => {
  let late: Promise<unknown> = Promise.resolve()
  const run = await watched((running) => {
    late = running.step('long', 'db', async (step) => {
      await sleep(20)
      step.set('done', true)
    })
    return running
  })
  await late
  await run.step('afterwards', 'compute', () => {})
  run.set('too', 'late')
  run.items(3)
  await telemetry.flush()
  const root = receiver.one('coins')
  expect(root.attributes).toMatchObject({ 'cycle.queries': 0 })
  expect(root.attributes).not.toHaveProperty('cycle.items')
  expect(receiver.one('long')).toMatchObject({ traceId: root.traceId, attributes: { done: true } })
  expect(receiver.one('afterwards').traceId).toBe(root.traceId)
})

test('sends values that no receiver could read in a form that it can', async () => {
  await watched((run) => {
    run.set('nan', Number.NaN)
    run.set('huge', 2 ** 70)
    run.set('text', 'a\ud800b')
    run.set('list', [1, Number.POSITIVE_INFINITY])
    run.set('url', 'https://ann:pw@h.org/?key=1')
    run.set('object', { a: 1 } as unknown as string)
  })
  expect(receiver.one('coins').attributes).toMatchObject({
    nan: 'NaN',
    huge: '1.1805916207174113e+21',
    text: 'a\ufffdb',
    list: [1, 'Infinity'],
    url: 'https://REDACTED:REDACTED@h.org/?key=REDACTED',
  })
})
