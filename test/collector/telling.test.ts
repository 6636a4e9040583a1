// Telling about a job never breaks the job, and what is told comes through whole, without secrets.

import { type DiagLogger, DiagLogLevel, diag, trace } from '@opentelemetry/api'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { cycle, type Run, startTelemetry, type Telemetry, type TelemetryOptions } from '#collector/collector.ts'
import { type Receiver, startReceiver } from '#test/collector/receiver.ts'

let receiver: Receiver
let telemetry: Telemetry | undefined
const warnings: string[] = []

beforeEach(async () => {
  receiver = await startReceiver()
  hear((message) => void warnings.push(message))
})
afterEach(async () => {
  await telemetry?.shutdown()
  await receiver.close()
  diag.disable()
  warnings.length = 0
})

function hear(warn: DiagLogger['warn']): void {
  const quiet = () => {}
  const logger = { error: quiet, warn, info: quiet, debug: quiet, verbose: quiet }
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
}

/** The root span of a cycle that tells this about itself. */
async function told(fn: (run: Run) => unknown, options: Partial<TelemetryOptions> = {}) {
  telemetry = startTelemetry({ service: 'prices', endpoint: receiver.url, ...options })
  await cycle('coins', fn)
  await telemetry.flush()
  return receiver.one('coins')
}

const odd: [what: string, count: unknown, given: string][] = [
  ['undefined', undefined, 'undefined'],
  ['null', null, 'null'],
  ['NaN', Number.NaN, 'NaN'],
  ['infinite', Number.POSITIVE_INFINITY, 'Infinity'],
  ['a text', '250', 'a string'],
  ['half an item', 0.5, '0.5'],
  ['below zero', -1, '-1'],
  ['beyond what is exact', 2 ** 53, '9007199254740992'],
  ['a list', [250], 'a list'],
]

for (const [what, count, given] of odd) {
  test(`keeps the job running and the count before when a count is ${what}`, async () => {
    const { attributes } = await told((run) => {
      run.items(3)
      run.items(count as number)
      run.expect(count as number)
    })
    expect(attributes).toMatchObject({ 'cycle.outcome': 'ok', 'cycle.items': 3 })
    expect(attributes).not.toHaveProperty(['cycle.items.expected'])
    const must = `must be a whole number from 0, not ${given}; this is ignored`
    expect(warnings).toEqual([
      `cyclewatch: items of cycle 'coins' ${must}`,
      `cyclewatch: expect of cycle 'coins' ${must}`,
    ])
  })
}

test('keeps the job running when the log that hears of an odd count throws', async () => {
  hear(() => {
    throw new Error('a logger that throws')
  })
  expect((await told((run) => run.items(Number.NaN))).attributes['cycle.outcome']).toBe('ok')
})

const TOTALS = [
  ...['cycle.calls', 'cycle.retries', 'cycle.queries', 'cycle.db_ms', 'cycle.wait_ms', 'cycle.cache.hits'],
  ...['cycle.cache.misses', 'cycle.bytes.received', 'cycle.bytes.sent', 'cycle.concurrency.mean', 'cycle.cpu_ms'],
  'cycle.memory.peak_bytes',
]

test('tells outcome, items and all totals when the job sets more attributes than a span takes', async () => {
  const { attributes } = await told(async (run) => {
    for (let n = 0; n < 200; n += 1) run.set(`coin ${n}`, n)
    run.set('coin 0', 'again')
    run.set('cycle.cost', 0.5)
    await run.step('select', 'db', () => {})
    run.items(190)
    run.expect(200)
    run.partial('10 coins unknown')
  })
  expect(attributes).toMatchObject({
    'cycle.outcome': 'partial',
    'cycle.partial.reason': '10 coins unknown',
    'cycle.items': 190,
    'cycle.items.expected': 200,
    'cycle.cost': 0.5,
    'cycle.queries': 1,
    'coin 0': 'again',
    'coin 99': 99,
  })
  expect(Object.keys(attributes)).toEqual(expect.arrayContaining(TOTALS))
  expect(warnings).toEqual(["cyclewatch: a span has 100 attributes already; 'coin 100' and further ones are ignored"])
})

test('tells outcome and all totals when others fill the span', async () => {
  const { attributes } = await told(async (run) => {
    for (let n = 0; n < 200; n += 1) trace.getActiveSpan()?.setAttribute(`coin ${n}`, n)
    await run.step('select', 'db', () => {})
    run.partial('10 coins unknown')
  })
  expect(attributes).toMatchObject({ 'cycle.outcome': 'partial', 'cycle.queries': 1 })
  expect(Object.keys(attributes)).toEqual(expect.arrayContaining(TOTALS))
  expect(attributes['cycle.memory.peak_bytes']).toBeGreaterThan(0)
})

test('tells why a step failed when the step sets more attributes than a span takes', async () => {
  await told((run) =>
    run
      .step('look up', 'cache', (step) => {
        for (let n = 0; n < 200; n += 1) step.set(`coin ${n}`, n)
        step.miss()
        throw new TypeError('broken')
      })
      .catch(() => {}),
  )
  expect(receiver.one('look up').attributes).toMatchObject({ 'cache.hit': false, 'error.type': 'TypeError' })
})

test('does not count attributes without a value', async () => {
  const { attributes } = await told((run) => {
    for (let n = 0; n < 200; n += 1) run.set(`coin ${n}`, undefined)
    run.set('market', 'spot')
  })
  expect(attributes.market).toBe('spot')
})

test('hides secrets in attributes of the resource, whoever set them', async () => {
  process.env.OTEL_RESOURCE_ATTRIBUTES = 'mirror=https://eve:hunter3@git.example/y,team=data'
  const attributes = { repo: 'https://bob:hunter2@git.example/x', shard: 7, canary: true }
  const version = 'https://h.org/?token=hunter4'
  const { resource } = await told(() => {}, { attributes, version })
  delete process.env.OTEL_RESOURCE_ATTRIBUTES
  expect(resource).toMatchObject({
    repo: 'https://REDACTED:REDACTED@git.example/x',
    mirror: 'https://REDACTED:REDACTED@git.example/y',
    team: 'data',
    shard: 7,
    canary: true,
    'service.name': 'prices',
    'service.version': 'https://h.org/?token=REDACTED',
  })
  expect(JSON.stringify(receiver.requests)).not.toContain('hunter')
  expect(attributes.repo).toBe('https://bob:hunter2@git.example/x')
})

test('hides secrets in values inside other values', async () => {
  const nested = { mirrors: [{ url: 'https://bob:hunter2@git.example/x' }] }
  await told((run) => run.set('nested', nested as unknown as string))
  expect(receiver.requests[0]?.body).toContain('REDACTED:REDACTED@git.example')
  expect(receiver.requests[0]?.body).not.toContain('hunter')
})

test('hides half a password at the end of a text that is too long', async () => {
  const url = 'https://bob:hunter2@git.example/x'
  const { attributes } = await told((run) => {
    for (const shown of [14, 16, 18]) run.set(`cut ${shown}`, `${'-'.repeat(8_192 - shown)}${url}`)
  })
  expect(attributes['cut 16']).toBe(`${'-'.repeat(8_192 - 16)}https://REDACTED`)
  for (const value of Object.values(attributes)) expect(String(value)).not.toContain('bob')
})
