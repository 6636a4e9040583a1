import { expect, test } from 'vitest'
import { LOGS_EXAMPLE, METRICS_EXAMPLE } from '#api/examples-beside.ts'
import type { LogsAnswer, MetricsAnswer } from '#api/schemas.ts'
import { renderLogs, renderMetrics } from '#cli/beside.ts'

const PLAIN = { colour: false, width: null }
const [started, near] = LOGS_EXAMPLE.items as [LogsAnswer['items'][number], LogsAnswer['items'][number]]
const [calls, cpu, memory] = METRICS_EXAMPLE.items as [Distribution, Values, Values]
type Values = Extract<MetricsAnswer['items'][number], { min: unknown }>
type Distribution = Exclude<MetricsAnswer['items'][number], Values>

test('shows log records with their place in the cycle, and which are near it by time alone', () => {
  expect(renderLogs(LOGS_EXAMPLE, PLAIN)).toMatchInlineSnapshot(`
    "      at  by     severity  record
    +0.25 ms  trace  INFO      cycle.started  cycle.name=coin-fetcher cycle.trigger=schedule
      +9.5 s  time   WARN      the garbage collector paused for 210 ms
     +16.8 s  trace  INFO      stored 250 coins
    by time: written by its service in its time, without a trace id"
  `)
})

test('shows what was measured in units people use, and of counters by how much they grew', () => {
  expect(renderMetrics(METRICS_EXAMPLE, PLAIN)).toMatchInlineSnapshot(`
    "metric                        attributes                  points     min    mean     max    last   grew by
    http.client.request.duration  server.address=api.example       2       –  3.88 s       –       –  4 values
    process.cpu.time              cpu.mode=user                    2       –       –       –       –     2.5 s
    process.memory.usage          –                                2  120 MB  126 MB  132 MB  132 MB         –"
  `)
})

test('says when there is nothing, and when there is more', () => {
  const none = { items: [], cursor: null, truncated: false }
  expect(renderLogs(none, PLAIN)).toMatch(/^no log records: /)
  expect(renderMetrics(none, PLAIN)).toMatch(/^no metrics: /)
  expect(renderLogs({ ...LOGS_EXAMPLE, truncated: true }, PLAIN)).toMatch(
    /\nthere are more records: .*logs\?limit=10000$/,
  )
  expect(renderMetrics({ ...METRICS_EXAMPLE, truncated: true }, PLAIN)).toMatch(
    /\nthere are more series: .*metrics\?limit=/,
  )
})

test('explains marks only where they are', () => {
  const own = { ...LOGS_EXAMPLE, items: [started] }
  expect(renderLogs(own, PLAIN)).not.toContain('by time:')
  expect(renderMetrics(METRICS_EXAMPLE, PLAIN)).not.toContain('near')
  const around = { ...METRICS_EXAMPLE, items: [{ ...memory, during: false }] }
  expect(renderMetrics(around, PLAIN)).toMatch(/ 2 near .*\nnear: of the minute before and after/)
})

test('keeps the mark of what is only near on a narrow terminal', () => {
  const items = [{ ...memory, during: false, name: 'm'.repeat(100), attributes: { key: 'v'.repeat(100) } }]
  const text = renderMetrics({ ...METRICS_EXAMPLE, items }, { colour: false, width: 80 })
  expect(text).toContain('2 near')
  expect(text.split('\n').filter((line) => [...line].length > 80)).toEqual([])
})

test('shows the attributes first that tell series of one metric apart', () => {
  const items = ['idle', 'busy'].map((state) => ({ ...memory, attributes: { address: 'a'.repeat(50), state } }))
  const rows = renderMetrics({ ...METRICS_EXAMPLE, items }, { colour: false, width: 80 }).split('\n')
  expect(rows.slice(1).map((row) => row.split(/ {2,}/)[1])).toEqual([
    expect.stringMatching(/^state=idle address=a*…$/),
    expect.stringMatching(/^state=busy address=a*…$/),
  ])
})

const figures = [
  { unit: 'By', value: 1_234_567, shown: '1.23 MB' },
  { unit: 'By', value: 0, shown: '0 B' },
  { unit: 'By', value: -2_500, shown: '-2.5 kB' },
  { unit: 'By', value: 1e300, shown: / PB$/ },
  { unit: 's', value: 0.0123, shown: '12.3 ms' },
  { unit: 'ms', value: -90_000, shown: '-90 s' },
  { unit: '1', value: 0.123456, shown: '0.123' },
  { unit: '{request}', value: 12_345, shown: '12,345' },
  { unit: 'Cel', value: 61.5, shown: '61.5 Cel' },
  { unit: 'toString', value: 1, shown: '1 toString' },
  { unit: 's', value: null, shown: '–' },
]
test.each(figures)('shows $value of the unit $unit as $shown', ({ unit, value, shown }) => {
  const items = [{ ...memory, unit, min: value, mean: value, max: value, last: value }]
  const row = renderMetrics({ ...METRICS_EXAMPLE, items }, PLAIN).split('\n')[1] as string
  expect(row.split(/ {2,}/)[3]).toEqual(typeof shown === 'string' ? shown : expect.stringMatching(shown))
})

test('shows nothing of a distribution of which nothing is known', () => {
  const items = [
    { ...calls, count: null, sum: null },
    { ...calls, count: 0, sum: 0 },
    { ...cpu, increase: null },
  ]
  const rows = renderMetrics({ ...METRICS_EXAMPLE, items }, PLAIN)
    .split('\n')
    .slice(1)
  expect(rows.map((row) => row.split(/ {2,}/).slice(3))).toEqual([
    ['–', '–', '–', '–', '–'],
    ['–', '–', '–', '–', '0 values'],
    ['41.5 s', '42.8 s', '44 s', '44 s', '–'],
  ])
})

test('shows hostile text as visible signs, in one line a record', () => {
  const hostile = '\u001b[31mred\nline\u202e'
  const records = [
    { ...started, severity: hostile, event: hostile, body: hostile },
    { ...near, body: '', attributes: { [hostile]: hostile } },
  ]
  const metrics = [{ ...memory, name: hostile, unit: hostile, attributes: { [hostile]: hostile } }]
  for (const text of [
    renderLogs({ ...LOGS_EXAMPLE, items: records }, PLAIN),
    renderMetrics({ ...METRICS_EXAMPLE, items: metrics }, PLAIN),
  ]) {
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    expect(text).toContain('␛[31mred␊line<U+202E>')
  }
})
