import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Checked } from '#ingest/checking.ts'
import { checkJson } from '#ingest/json.ts'
import { checkProtobuf } from '#ingest/protobuf.ts'
import { tracesRoute } from '#ingest/routes.ts'
import { storeOnce } from '#ingest/store.ts'
import { BadInput } from '#model/errors.ts'
import { useDatabase } from '#test/database.ts'
import { requests, type Sent, SPAN_ID, span, traces, tracesJson } from '#test/ingest/otlp.ts'

const { db, select } = useDatabase()
const app = tracesRoute({ store: storeOnce(db), maxBodyBytes: 10_000_000 })

const ENCODINGS = {
  protobuf: { type: 'application/x-protobuf', write: traces, check: checkProtobuf },
  json: { type: 'application/json', write: tracesJson, check: checkJson },
} as const
type Way = (typeof ENCODINGS)[keyof typeof ENCODINGS]

async function post({ type }: Way, body: Buffer): Promise<Response> {
  const headers = { 'Content-Type': type }
  return app.request('/v1/traces', { method: 'POST', headers, body: new Uint8Array(body) })
}

async function storedSpans(): Promise<number> {
  const [row] = await select<{ spans: number }>('SELECT toUInt32(count()) AS spans FROM otel_traces')
  return row?.spans ?? 0
}

/** What the checker says of a body, null when it refuses it. */
function verdict({ check }: Way, body: Buffer): Checked | null {
  try {
    return check(Buffer.from(body))
  } catch (error) {
    if (error instanceof BadInput) return null
    throw error
  }
}

/** A request with some of its bytes replaced: mostly refused, and what is not must be storable. */
const damaged = fc.record({
  sent: requests,
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  cut: fc.integer({ min: 0, max: 3 }),
  put: fc.oneof(
    fc.uint8Array({ maxLength: 2 }).map((some) => Buffer.from(some)),
    fc.constantFrom('null', '1e3', '\\ud83d', '"', ',', '{}', '9'.repeat(30)).map((text) => Buffer.from(text)),
  ),
})

function damage(body: Buffer, { at, cut, put }: { at: number; cut: number; put: Buffer }): Buffer {
  const from = Math.floor(at * body.length)
  return Buffer.concat([body.subarray(0, from), put, body.subarray(from + cut)])
}

for (const [encoding, way] of Object.entries(ENCODINGS)) {
  test(`ClickHouse stores as many spans of ${encoding} as were counted`, async () => {
    await fc.assert(
      fc.asyncProperty(requests, (sent) => storesWhatItCounts(way, way.write(sent))),
      { numRuns: 15 },
    )
  })

  test(`ClickHouse refuses no ${encoding} that was accepted`, async () => {
    const bodies = damaged.map(({ sent, ...how }) => damage(way.write(sent), how))
    const acceptable = bodies.filter((body) => verdict(way, body) !== null)
    await fc.assert(
      fc.asyncProperty(acceptable, (body) => storesWhatItCounts(way, body)),
      { numRuns: 15 },
    )
  })

  test(`an answered ${encoding} body sent again is stored once`, async () => {
    await db.run('TRUNCATE TABLE otel_traces')
    const sent: Sent[] = [
      { resource: { once: encoding }, spans: [span(), span({ spanId: SPAN_ID.replace('b', 'c') })] },
    ]
    for (const _ of [1, 2, 3]) expect((await post(way, way.write(sent))).status).toBe(200)
    expect(await storedSpans()).toBe(2)
  })

  test(`half an emoji in ${encoding} is stored as U+FFFD`, async () => {
    await db.run('TRUNCATE TABLE otel_traces')
    const body = way.write([{ spans: [span({ name: `cut ${'😀'.slice(0, 1)}`, attributes: { way: encoding } })] }])
    expect((await post(way, body)).status).toBe(200)
    expect(await select('SELECT SpanName FROM otel_traces')).toEqual([{ SpanName: 'cut \ufffd' }])
  })
}

async function storesWhatItCounts(way: Way, body: Buffer): Promise<void> {
  await db.run('TRUNCATE TABLE otel_traces')
  const { spans, rejected } = way.check(Buffer.from(body))
  const answer = await post(way, body)
  expect([answer.status, await answer.text()]).toEqual([200, expect.anything()])
  expect(await storedSpans()).toBe(spans - rejected)
}
