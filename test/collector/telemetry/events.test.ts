import { setTimeout as sleep } from 'node:timers/promises'
import { DiagLogLevel, diag } from '@opentelemetry/api'
import { afterEach, expect, test } from 'vitest'
import { cycle } from '#collector/collector.ts'
import { stepIn } from '#collector/steps.ts'
import { type LogLevel, logIn } from '#collector/telemetry/events.ts'
import { progressIn } from '#collector/telemetry/progress.ts'
import { inCycle, start, until } from '#test/collector/telemetry/telling.ts'

afterEach(() => diag.disable())

test('says that a cycle has begun while it still runs', async () => {
  const { receiver } = await start()
  const [run, record] = await cycle(
    'coins',
    async (run) => [run, await until(() => receiver.records[0], 'the record')] as const,
    { trigger: 'ci' },
  )
  expect(receiver.spans).toEqual([])
  await until(() => receiver.spans.length, 'the root')
  const root = receiver.one('coins')
  expect(record).toMatchObject({
    event: 'cycle.started',
    severity: 'INFO',
    traceId: run.traceId,
    spanId: root.spanId,
    attributes: { 'event.name': 'cycle.started', 'cycle.name': 'coins', 'cycle.trigger': 'ci' },
    resource: { 'service.name': 'prices' },
  })
  expect(record.timeMs).toBeCloseTo(root.startMs, 3)
})

test('says it of many that begin together in few exports', async () => {
  const { receiver, telemetry } = await start()
  await Promise.all(Array.from({ length: 500 }, (_, n) => cycle(`coin ${n}`, () => sleep(50))))
  await telemetry.flush()
  const started = receiver.records.filter(({ event }) => event === 'cycle.started')
  expect(new Set(started.map(({ traceId }) => traceId)).size).toBe(500)
  const exports = receiver.otherRequests.filter(({ path }) => path === '/v1/logs')
  expect(exports.length).toBeLessThan(10)
})

test('says nothing about what is no cycle', async () => {
  const { receiver, telemetry } = await start()
  await inCycle('coins', (ongoing) => stepIn(ongoing, 'part', 'compute', () => {}))
  await telemetry.flush()
  expect(receiver.records).toHaveLength(1)
})

const levels: [level: LogLevel, severity: string][] = [
  ['trace', 'TRACE'],
  ['debug', 'DEBUG'],
  ['info', 'INFO'],
  ['warn', 'WARN'],
  ['error', 'ERROR'],
  ['fatal', 'FATAL'],
]

/** The lines that this tells, without the one that says that the cycle has begun. */
async function lines(...told: [level: LogLevel, message: string, attributes?: Record<string, unknown>][]) {
  const { receiver, telemetry } = await start()
  await inCycle('coins', (ongoing) => {
    for (const [level, message, attributes] of told)
      logIn(ongoing, level, message, attributes as Record<string, string>)
  })
  await telemetry.flush()
  return receiver.records.filter(({ event }) => event !== 'cycle.started')
}

test('writes lines of every level', async () => {
  const told = await lines(...levels.map(([level]) => [level, `at ${level}`] as [LogLevel, string]))
  expect(told.map(({ severity, body }) => [severity, body])).toEqual(
    levels.map(([level, severity]) => [severity, `at ${level}`]),
  )
})

test('writes a line at the step whose code calls it', async () => {
  const { receiver, telemetry } = await start()
  await inCycle('coins', async (ongoing) => {
    logIn(ongoing, 'info', 'outside')
    await stepIn(ongoing, 'part', 'compute', () => logIn(ongoing, 'info', 'inside'))
  })
  await telemetry.flush()
  const at = (body: string) => receiver.records.find((record) => record.body === body)
  expect(at('outside')).toMatchObject({ spanId: receiver.one('coins').spanId })
  expect(at('inside')).toMatchObject({
    spanId: receiver.one('part').spanId,
    traceId: receiver.one('coins').traceId,
    attributes: { 'cycle.name': 'coins' },
  })
})

test('hides secrets in lines, and cuts what is too long', async () => {
  const url = 'https://bob:hunter2@api.example/x?token=hunter3'
  const [line, long] = await lines(
    ['warn', `cannot reach ${url}`, { url, urls: [url], tries: 3, odd: Number.NaN, none: undefined, fn: () => {} }],
    ['info', 'x'.repeat(100_000), { text: `${'y'.repeat(8_180)}${url}` }],
  )
  expect(line?.body).toBe('cannot reach https://REDACTED:REDACTED@api.example/x?token=REDACTED')
  expect(line?.attributes).toEqual({
    url: 'https://REDACTED:REDACTED@api.example/x?token=REDACTED',
    urls: ['https://REDACTED:REDACTED@api.example/x?token=REDACTED'],
    tries: 3,
    odd: 'NaN',
    'cycle.name': 'coins',
  })
  expect(String(long?.body)).toHaveLength(8_192)
  expect(JSON.stringify(long)).not.toContain('hunter')
  expect(JSON.stringify(long)).not.toContain('bob')
})

test('writes what is thrown at it instead of a text', async () => {
  const told = await lines(['error', new TypeError('broken') as unknown as string])
  expect(told[0]?.body).toBe('broken')
})

test('refuses a level that is none', async () => {
  await start()
  const logged = inCycle('coins', (ongoing) => logIn(ongoing, 'loud' as LogLevel, 'x'))
  await expect(logged).rejects.toThrow("the level of a log line in cycle 'coins' is 'loud'; allowed are trace, debug")
})

test('keeps a bounded number of lines while ingest is away, the starts among them, and tells what was lost', async () => {
  const losses: number[] = []
  let down = true
  const { receiver, telemetry } = await start({ onError: ({ lostLogs }) => losses.push(lostLogs) }, (_, response) =>
    response.writeHead(down ? 503 : 200).end('{}'),
  )
  await inCycle('coins', (ongoing) => {
    for (let n = 0; n < 20_000; n += 1) logIn(ongoing, 'info', `line ${n}`)
  })
  expect(losses[0]).toBeGreaterThan(0)
  await telemetry.flush()
  receiver.records.length = 0
  down = false
  await until(
    () => receiver.records.some(({ body }) => body === 'line 19999') || void telemetry.flush(),
    'the last line',
  )
  expect(receiver.records.length).toBeLessThanOrEqual(8_192)
  expect(receiver.records[0]?.event).toBe('cycle.started')
})

test('tells progress at once, then at most once a second, the last of it too', async () => {
  const { receiver, telemetry } = await start()
  await inCycle('coins', async (ongoing) => {
    progressIn(ongoing, 0, 250)
    for (let n = 1; n <= 200; n += 1) progressIn(ongoing, n)
    await until(() => receiver.records.filter(({ event }) => event === 'cycle.progress').length === 2, 'progress')
    progressIn(ongoing, 250)
  })
  await telemetry.flush()
  const told = receiver.records.filter(({ event }) => event === 'cycle.progress')
  expect(told.map(({ attributes }) => attributes)).toEqual(
    [0, 200].map((done) => ({
      'event.name': 'cycle.progress',
      'cycle.name': 'coins',
      'cycle.progress.done': done,
      'cycle.progress.total': 250,
    })),
  )
  const [first, second] = told.map(({ timeMs }) => timeMs) as [number, number]
  expect(second - first).toBeGreaterThanOrEqual(990)
  expect(told[0]?.traceId).toBe(receiver.one('coins').traceId)
})

test('ignores progress that is no number', async () => {
  const warnings: string[] = []
  const quiet = () => {}
  const warn = (message: string) => void warnings.push(message)
  const logger = { error: quiet, warn, info: quiet, debug: quiet, verbose: quiet }
  const { receiver, telemetry } = await start()
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
  await inCycle('coins', (ongoing) => {
    progressIn(ongoing, Number.NaN, 3)
    progressIn(ongoing, -1)
    progressIn(ongoing, '1' as unknown as number)
  })
  await telemetry.flush()
  expect(receiver.records).toHaveLength(1)
  expect(warnings).toHaveLength(3)
  expect(warnings[0]).toContain("progress of cycle 'coins' must be numbers from 0, not NaN and 3")
})
