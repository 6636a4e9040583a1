import { beforeEach, describe, expect, test } from 'vitest'
import { bucketOf, DEFAULT_BOUNDS } from '#model/buckets.ts'
import { readCycle, readHistory, readStats } from '#storage/cycles.ts'
import { writeDefinitions } from '#storage/definitions.ts'
import { useDatabase } from '#test/database.ts'
import { type SpanText, START, span, TRACE_ID, traces } from '#test/ingest/otlp.ts'
import { insertTraces } from '#test/storage/insert.ts'

const { db, select } = useDatabase()

const SECOND = 1_000_000_000n
const START_MS = Number(START / 1_000_000n)

async function send(
  spans: SpanText[],
  resource: Record<string, string> = { 'service.name': 'fetcher' },
): Promise<void> {
  await insertTraces(db, traces([{ resource, spans }]))
}

/** The spans of one cycle as our collector sends them; `own` false: as a stranger would. */
function cycleSpans(own: boolean): { root: SpanText; children: SpanText[] } {
  const mark = own ? { 'cycle.name': 'coins' } : {}
  const child = (spanId: string, more: SpanText) =>
    span({ spanId, parentSpanId: 'aaaaaaaaaaaaaaaa', startNano: START, endNano: START + SECOND, ...more })
  return {
    root: span({
      spanId: 'aaaaaaaaaaaaaaaa',
      name: 'fetch cycle',
      startNano: START,
      endNano: START + 17n * SECOND,
      attributes: mark,
    }),
    children: [
      child('bbbbbbbbbbbbbbbb', {
        name: 'GET',
        kind: 3,
        attributes: { ...mark, 'http.request.method': 'GET', 'server.address': 'api.example' },
      }),
      child('cccccccccccccccc', { name: 'INSERT', kind: 3, attributes: { ...mark, 'db.system.name': 'postgresql' } }),
      child('dddddddddddddddd', { name: 'parse', attributes: mark }),
    ],
  }
}

async function stored(): Promise<{ cycles: unknown[]; steps: unknown[] }> {
  return {
    cycles: await select('SELECT CycleName, SpanId, Duration, Outcome, Bucket FROM cycles ORDER BY SpanId'),
    steps: await select('SELECT CycleName, StepKind, StepName, SpanId, Host FROM steps ORDER BY SpanId'),
  }
}

const EXPECTED = {
  cycles: [{ CycleName: 'coins', SpanId: 'aaaaaaaaaaaaaaaa', Duration: 17_000_000_000, Outcome: 'ok', Bucket: 'fast' }],
  steps: [
    { CycleName: 'coins', StepKind: 'fetch', StepName: 'GET', SpanId: 'bbbbbbbbbbbbbbbb', Host: 'api.example' },
    { CycleName: 'coins', StepKind: 'db', StepName: 'INSERT', SpanId: 'cccccccccccccccc', Host: '' },
    { CycleName: 'coins', StepKind: 'compute', StepName: 'parse', SpanId: 'dddddddddddddddd', Host: '' },
  ],
}

const BOUNDS = { fastMs: 20_000, normalMs: 30_000, slowMs: 60_000 }
const FOREIGN = { name: 'coins', match: { service: 'fetcher', span: 'fetch cycle' }, bounds: BOUNDS }
let clock = Date.UTC(2026, 0, 1)

beforeEach(async () => {
  for (const table of ['otel_traces', 'otel_traces_trace_id_ts', 'root_spans', 'child_spans']) {
    await db.run(`TRUNCATE TABLE ${table}`)
  }
  clock += 1_000
  await writeDefinitions(db, [], clock)
})

describe.each([
  { whose: 'our collector', own: true },
  { whose: 'a stranger', own: false },
])('a cycle of $whose', ({ own }) => {
  const { root, children } = cycleSpans(own)
  const [first, second, third] = children as [SpanText, SpanText, SpanText]

  test.each([
    { when: 'in one body', bodies: [[root, ...children]] },
    { when: 'root first', bodies: [[root], [first], [second, third]] },
    { when: 'root last', bodies: [[first, second], [third], [root]] },
    { when: 'root in the middle, children backwards', bodies: [[third], [root], [second], [first]] },
    {
      when: 'with every span twice',
      bodies: [
        [root, ...children],
        [third, second],
        [first, root],
        [first, first],
      ],
    },
  ])('ends in the same rows when its spans come $when', async ({ bodies }) => {
    if (!own) await writeDefinitions(db, [FOREIGN], clock)
    for (const body of bodies) await send(body)
    expect(await stored()).toEqual(EXPECTED)
  })

  test('ends in the same rows when its spans come all at once in bodies of their own', async () => {
    if (!own) await writeDefinitions(db, [FOREIGN], clock)
    await Promise.all([root, ...children].map((one) => send([one])))
    expect(await stored()).toEqual(EXPECTED)
  })
})

test('a foreign trace becomes a cycle when a match is configured later, and stops being one when it is removed', async () => {
  const { root, children } = cycleSpans(false)
  await send([root, ...children])
  expect(await stored()).toEqual({ cycles: [], steps: [] })
  await writeDefinitions(db, [FOREIGN], clock + 1)
  expect(await stored()).toEqual(EXPECTED)
  await writeDefinitions(db, [{ ...FOREIGN, match: { service: 'other', span: 'fetch cycle' } }], clock + 2)
  expect(await stored()).toEqual({ cycles: [], steps: [] })
})

test('changed bounds change the buckets of what is already stored', async () => {
  await send([cycleSpans(true).root])
  const bucket = async () => (await readCycle(db, TRACE_ID))?.bucket
  expect(await bucket()).toBe('fast')
  await writeDefinitions(db, [{ name: 'coins', bounds: { fastMs: 1_000, normalMs: 2_000, slowMs: 17_000 } }], clock + 1)
  expect(await bucket()).toBe('slow')
  await writeDefinitions(db, [{ name: 'coins', bounds: { fastMs: 1_000, normalMs: 2_000, slowMs: 16_999 } }], clock + 2)
  expect(await bucket()).toBe('very_slow')
  await writeDefinitions(db, [], clock + 3)
  expect(await bucket()).toBe('fast')
})

test.each([20_000, 20_001, 30_000, 30_001, 60_000, 60_001])(
  'a cycle of %i ms without a definition has the default bucket',
  async (ms) => {
    await send([span({ attributes: { 'cycle.name': 'coins' }, endNano: START + BigInt(ms) * 1_000_000n })])
    expect((await readCycle(db, TRACE_ID))?.bucket).toBe(bucketOf(ms, DEFAULT_BOUNDS))
  },
)

test.each([
  { outcome: 'partial', code: 0, says: 'partial' },
  { outcome: 'timeout', code: 2, says: 'timeout' },
  { outcome: undefined, code: 2, says: 'failed' },
  { outcome: undefined, code: 1, says: 'ok' },
  { outcome: 'splendid', code: 2, says: 'failed' },
])('a root with cycle.outcome $outcome and status $code counts as $says', async ({ outcome, code, says }) => {
  const attributes = { 'cycle.name': 'coins', ...(outcome && { 'cycle.outcome': outcome }) }
  await send([span({ attributes, status: { code } })])
  expect((await readCycle(db, TRACE_ID))?.outcome).toBe(says)
})

test("a duration that the Collector's exporter let wrap around counts as zero", async () => {
  await db.run(
    `INSERT INTO otel_traces (Timestamp, TraceId, SpanId, SpanName, ServiceName, SpanAttributes, Duration)
     SELECT toDateTime64('2026-01-01 00:00:00', 9), {id:String}, 'aaaaaaaaaaaaaaaa', 'x', 's', map('cycle.name', 'coins'), 18446744073709551615`,
    { id: TRACE_ID },
  )
  expect(await readCycle(db, TRACE_ID)).toMatchObject({ durationMs: 0 })
})

describe('windows', () => {
  const MINUTE = 60_000

  /** A cycle a letter, one a minute; each letter is the seconds it took, a dot none. The n-th ends n minutes after START. */
  async function play(timeline: string): Promise<void> {
    const spans = [...timeline].flatMap((letter, minute) => {
      if (letter === '.') return []
      const endNano = START + BigInt(minute) * 60n * SECOND
      const startNano = endNano - BigInt(letter) * SECOND
      const traceId = minute.toString(16).padStart(32, 'a')
      return [span({ traceId, startNano, endNano, attributes: { 'cycle.name': 'coins' } })]
    })
    await send(spans)
  }

  const windows = [
    { name: 'one figure', timeline: '123456', to: 6, length: 6, step: 6, count: 1, expected: [[0, 6, 3500]] },
    {
      name: 'windows that touch',
      timeline: '123456',
      to: 6,
      length: 2,
      step: 2,
      count: 3,
      expected: [
        [0, 2, 1500],
        [1, 2, 3500],
        [2, 2, 5500],
      ],
    },
    {
      name: 'windows that overlap',
      timeline: '123456',
      to: 6,
      length: 4,
      step: 1,
      count: 3,
      expected: [
        [0, 4, 2500],
        [1, 4, 3500],
        [2, 4, 4500],
      ],
    },
    {
      name: 'windows with gaps between',
      timeline: '123456',
      to: 6,
      length: 1,
      step: 2,
      count: 3,
      expected: [
        [0, 1, 2000],
        [1, 1, 4000],
        [2, 1, 6000],
      ],
    },
    {
      name: 'empty windows left out',
      timeline: '1.....7',
      to: 7,
      length: 1,
      step: 1,
      count: 7,
      expected: [
        [0, 1, 1000],
        [6, 1, 7000],
      ],
    },
    {
      name: 'the start of a window in, its end out',
      timeline: '12',
      to: 1,
      length: 1,
      step: 1,
      count: 1,
      expected: [[0, 1, 1000]],
    },
  ]
  test.each(windows)('$name', async ({ timeline, to, length, step, count, expected }) => {
    await play(timeline)
    const rows = await readStats(db, {
      name: 'coins',
      by: null,
      where: {},
      to: START_MS + to * MINUTE,
      lengthMs: length * MINUTE,
      stepMs: step * MINUTE,
      windows: count,
      limit: 100,
    })
    expect(rows.map(({ window, total, quantiles }) => [window, total, quantiles[0]])).toEqual(expected)
  })
})

test('a page of the history continues behind the last row whatever arrives in between', async () => {
  const one = (n: number, seconds: number) =>
    span({
      traceId: n.toString(16).padStart(32, 'b'),
      endNano: START + BigInt(seconds) * SECOND,
      attributes: { 'cycle.name': 'coins' },
    })
  await send([one(1, 1), one(2, 2), one(3, 3), one(4, 3)])
  const query = {
    name: null,
    range: { from: START_MS, to: START_MS + 3_600_000 },
    buckets: [],
    outcomes: [],
    where: {},
    slowerThanMs: null,
    sort: 'slowest',
    limit: 2,
    after: null,
  } as const
  const page = await readHistory(db, query)
  await send([one(5, 9)])
  const next = await readHistory(db, { ...query, after: page.at(-1) ?? null })
  expect([...page, ...next].map(({ durationMs }) => durationMs)).toEqual([3_000, 3_000, 2_000, 1_000])
})

test('takes a change of the definitions when the clock was set back', async () => {
  await send([cycleSpans(true).root])
  await writeDefinitions(db, [{ name: 'coins', bounds: { fastMs: 1, normalMs: 2, slowMs: 3 } }], clock - 3_600_000)
  expect((await readCycle(db, TRACE_ID))?.bucket).toBe('very_slow')
})
