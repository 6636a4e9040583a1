// Any bodies and damaged ones: the checker either accepts or refuses them, and ClickHouse stores whatever was accepted, as
// many rows as were counted.
// node test/soak/fuzz.ts [--bodies N] [--seed N]

import { parseArgs } from 'node:util'
import { createClient } from '@clickhouse/client'
import { check } from '#ingest/check/check.ts'
import { insertIsolating } from '#ingest/spool/isolate.ts'
import { BadInput, messageOf } from '#model/errors.ts'
import { type Database, openDatabase } from '#storage/client.ts'
import { insertBodies } from '#storage/inserts.ts'
import { ENCODINGS, type Encoding, SIGNALS, type Signal } from '#storage/signals.ts'
import { random } from '#test/ingest/mutate.ts'
import { bodyOf, seedBodies } from '#test/soak/fuzz-bodies.ts'
import { DATABASE, onEngine } from '#test/soak/ground.ts'

/** `select` runs any SELECT. */
export type FuzzDatabase = { db: Database; select<Row>(query: string): Promise<Row[]> }

/** Of one signal in one encoding; `rows` of those accepted were stored. `faults` hold the guilty body. */
export type Fuzzed = {
  signal: Signal
  encoding: Encoding
  bodies: number
  accepted: number
  rows: number
  faults: string[]
}

const FULL = 240_000
const BATCH = 400
/** Damaged times are of any day, and each day of each batch becomes a part of its table. */
const BATCHES_BETWEEN_TRUNCATES = 8
const MOST_FAULTS = 5

const TABLES: Record<Signal, string[]> = {
  traces: ['otel_traces'],
  metrics: ['gauge', 'sum', 'histogram', 'exponential_histogram', 'summary'].map((kind) => `otel_metrics_${kind}`),
  logs: ['otel_logs'],
}
const BEHIND = ['otel_traces_trace_id_ts', 'root_spans', 'child_spans', 'cycle_starts']

/** `bodies` are shared out among the signals and encodings. The same seed gives the same bodies. */
export async function fuzz(
  on: FuzzDatabase,
  seed: number,
  bodies: number,
  hear: (fuzzed: Fuzzed) => void = () => {},
): Promise<Fuzzed[]> {
  const all: Fuzzed[] = []
  const ways = SIGNALS.flatMap((signal) => ENCODINGS.map((encoding) => ({ signal, encoding })))
  for (const way of ways) {
    const fuzzed = await fuzzOne(on, seed, Math.ceil(bodies / ways.length), way)
    hear(fuzzed)
    all.push(fuzzed)
  }
  return all
}

type Way = { signal: Signal; encoding: Encoding }
type Accepted = { number: number; sent: Buffer; body: Buffer; rows: number }

async function fuzzOne(on: FuzzDatabase, seed: number, bodies: number, way: Way): Promise<Fuzzed> {
  const result: Fuzzed = { ...way, bodies, accepted: 0, rows: 0, faults: [] }
  const seeds = seedBodies(way.signal, way.encoding, seed)
  const say = (fault: string, number: number, body: Buffer) =>
    result.faults.push(
      `${way.signal} ${way.encoding} body ${number} of seed ${seed}: ${fault}: ${body.toString('hex')}`,
    )
  for (let first = 0, batch = 0; first < bodies && result.faults.length < MOST_FAULTS; first += BATCH, batch++) {
    if (batch % BATCHES_BETWEEN_TRUNCATES === 0) await truncate(on)
    const numbers = Array.from({ length: Math.min(BATCH, bodies - first) }, (_, index) => first + index)
    const accepted = numbers.flatMap((number): Accepted[] => {
      const sent = bodyOf(way.encoding, seeds, random(seed * 1_000_003 + number))
      try {
        // The checker may use the memory of what it accepts.
        const { items, rejected, body } = check(way.signal, way.encoding, Buffer.from(sent))
        return [{ number, sent, body, rows: items - rejected }]
      } catch (error) {
        if (!(error instanceof BadInput)) say(`the checker failed with ${(error as Error).stack}`, number, sent)
        return []
      }
    })
    result.accepted += accepted.length
    result.rows += await storeAll(on, way, accepted, say)
  }
  await truncate(on)
  return result
}

type Say = (fault: string, number: number, body: Buffer) => void

/** Returns how many rows came. */
async function storeAll(on: FuzzDatabase, way: Way, accepted: Accepted[], say: Say): Promise<number> {
  if (accepted.length === 0) return 0
  const before = await countRows(on, way.signal)
  const refused = await insertIsolating(accepted, tokenFor(accepted), (some, token) => insert(on.db, way, some, token))
  for (const { body, reason } of refused) say(`accepted, but ${reason}`, body.number, body.sent)
  const rows = (await countRows(on, way.signal)) - before
  const expected = accepted.reduce((sum, one) => sum + one.rows, 0)
  if (rows !== expected && refused.length === 0) {
    const guilty = await findMiscounted(on, way, accepted)
    if (guilty === null) say(`${expected} rows were counted together, ${rows} stored`, -1, Buffer.alloc(0))
    else say(`${guilty.rows} rows were counted, but not as many stored`, guilty.number, guilty.sent)
  }
  return rows
}

/** Whatever ClickHouse answers to a body that was accepted is a fault, so all of it is isolated. */
async function insert(db: Database, { signal, encoding }: Way, some: Accepted[], token: string): Promise<void> {
  const bodies = some.map(({ body }) => body)
  await insertBodies(db, { signal, encoding, token }, bodies).catch((error: unknown) => {
    throw new BadInput(messageOf(error), { cause: error })
  })
}

/** The first body by itself of which there are other rows than were counted. */
async function findMiscounted(on: FuzzDatabase, way: Way, among: Accepted[]): Promise<Accepted | null> {
  for (const one of among) {
    const before = await countRows(on, way.signal)
    await insert(on.db, way, [one], `${tokenFor([one])} alone`).catch(() => {})
    if ((await countRows(on, way.signal)) - before !== one.rows) return one
  }
  return null
}

let inserts = 0

function tokenFor(bodies: Accepted[]): string {
  return `fuzz ${process.pid} ${++inserts} ${bodies[0]?.number}`
}

async function countRows({ select }: FuzzDatabase, signal: Signal): Promise<number> {
  const counts = TABLES[signal].map((table) => `(SELECT count() FROM ${table})`)
  const [row] = await select<{ rows: number }>(`SELECT toUInt32(${counts.join(' + ')}) AS rows`)
  return row?.rows ?? 0
}

async function truncate({ db }: FuzzDatabase): Promise<void> {
  for (const table of [...Object.values(TABLES).flat(), ...BEHIND]) await db.run(`TRUNCATE TABLE ${table}`)
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { bodies: { type: 'string' }, seed: { type: 'string' } } })
  const seed = Number(values.seed ?? random(Date.now())(1e6))
  console.log(`fuzz: seed ${seed}`)
  await onEngine(async ({ server }) => {
    const db = openDatabase(server, DATABASE)
    const { url, user: username, password } = server
    const client = createClient({ url, username, password, database: DATABASE })
    const select = async <Row>(query: string) => (await client.query({ query, format: 'JSONEachRow' })).json<Row>()
    const fuzzed = await fuzz({ db, select }, seed, Number(values.bodies ?? FULL), ({ faults, ...counts }) => {
      console.log(JSON.stringify({ ...counts, faults: faults.length }))
      for (const fault of faults) console.log(`  ${fault}`)
    })
    await client.close()
    await db.close()
    process.exitCode = fuzzed.some(({ faults }) => faults.length > 0) ? 1 : 0
  })
}
