// A history of cycles made inside ClickHouse: 30 days of 20 names, the same durations every time.

import { setTimeout as delay } from 'node:timers/promises'
import { ClickHouseLogLevel, createClient } from '@clickhouse/client'
import type { Server } from '#storage/server.ts'

export const NAMES = 20
export const DAYS = 30
const AT_ONCE = 250_000
/** The newest cycles have steps below their root, so that one can be looked at as a waterfall. */
const WITH_STEPS = 1_000
const STEPS = 12
const MERGES_MS = 60_000

/** `newest` is the trace id of the cycle that ended last; `parts` is how many pieces the cycles lie in. */
export type History = { newest: string; parts: number }

/** Stores `count` cycles, the newest ending at `to` (epoch ms), and gives the engine time to merge what it wants to. */
export async function storeHistory(server: Server, count: number, to: number, signal: AbortSignal): Promise<History> {
  await using client = connect(server)
  const each = { to, every: Math.floor((DAYS * 86_400e9) / count), names: NAMES, detailed: WITH_STEPS, steps: STEPS }
  for (let first = 0; first < count; first += AT_ONCE) {
    signal.throwIfAborted()
    const query_params = { ...each, first, count: Math.min(AT_ONCE, count - first) }
    await client.command({ query: INSERT_CYCLES, query_params })
  }
  for (const deadline = performance.now() + MERGES_MS; performance.now() < deadline; ) {
    const [row] = await rows<{ merges: number }>(client, RUNNING_MERGES)
    if (row?.merges === 0) break
    await delay(250, undefined, { signal })
  }
  const [history] = await rows<History>(client, WHAT_IS_STORED)
  if (!history) throw new Error('the cycles just stored are not there')
  return history
}

/** The name of the cycles that make the n-th twentieth. */
export function nameOf(n: number): string {
  return `bench-${String(n).padStart(2, '0')}`
}

type Client = ReturnType<typeof connect>

function connect({ url, user, password }: Server) {
  const login = { url, username: user, password, database: 'cyclewatch' }
  return createClient({ ...login, request_timeout: 300_000, log: { level: ClickHouseLogLevel.OFF } })
}

async function rows<Row>(client: Client, query: string): Promise<Row[]> {
  return (await client.query({ query, format: 'JSONEachRow' })).json<Row>()
}

const RUNNING_MERGES = `SELECT toUInt32(count()) AS merges FROM system.merges WHERE database = 'cyclewatch'`

const WHAT_IS_STORED = `
SELECT
  (SELECT TraceId FROM cycles ORDER BY EndTime DESC LIMIT 1) AS newest,
  (SELECT toUInt32(count()) FROM system.parts WHERE active AND database = 'cyclewatch' AND table = 'root_spans') AS parts`

// Durations are lognormal, with medians of 8 to 23 s by name; one in 50 fails; a new version comes every six days.
const INSERT_CYCLES = `
INSERT INTO otel_traces (Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ResourceAttributes, SpanAttributes, Duration, StatusCode)
WITH
  toUInt32(number % {names:UInt32}) AS nth,
  concat('bench-', leftPad(toString(nth), 2, '0')) AS cycle,
  (n -> (cityHash64(number, n) % 1000000 + 0.5) / 1e6) AS uniform,
  sqrt(-2 * log(uniform(1))) * cos(2 * pi() * uniform(2)) AS normal,
  toInt64(8e9 * (1 + nth / 10) * exp(0.5 * normal)) AS lasted,
  {to:Int64} * 1000000 - toInt64(number) * {every:Int64} AS ended,
  intDiv(lasted, {steps:UInt32}) AS slice,
  lower(hex(sipHash128(number))) AS trace,
  (n -> substring(lower(hex(sipHash128(number, n))), 1, 16)) AS span
SELECT
  fromUnixTimestamp64Nano(ended - lasted + if(step = 0, 0, (step - 1) * slice)),
  trace, span(step), if(step = 0, '', span(0)),
  if(step = 0, 'cycle', concat('GET page ', toString(step))), if(step = 0, 'Internal', 'Client'), 'bench',
  map('service.name', 'bench', 'service.version', concat('1.', toString(4 - intDiv(number * {every:Int64}, 6 * 86400000000000)), '.0'), 'deployment.environment.name', 'production'),
  if(step = 0,
    map('cycle.name', cycle, 'cycle.outcome', if(uniform(3) < 0.02, 'failed', 'ok'), 'cycle.items', toString(cityHash64(number) % 500)),
    map('cycle.name', cycle, 'step.kind', 'fetch', 'http.request.method', 'GET')),
  if(step = 0, lasted, slice), 'Unset'
FROM numbers({first:UInt64}, {count:UInt64})
ARRAY JOIN range(if(number < {detailed:UInt32}, {steps:UInt32} + 1, 1)) AS step`
