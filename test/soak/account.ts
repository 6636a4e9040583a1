// What was sent against what ClickHouse has: by the id of every span, in SQL.

import { createClient } from '@clickhouse/client'
import type { Server } from '#storage/server.ts'
import { spanId } from '#test/soak/bodies.ts'
import type { Fate } from '#test/soak/senders.ts'

/**
 * Numbers of spans. `lost` of answered bodies are not there, `doubled` are there more than once, `strangers` nobody
 * sent; `torn` are those of bodies that were given up and are there in part. `astray` are in otel_traces but not in what
 * the views make of it, or there twice. `examples` are some of all of these.
 */
export type Account = {
  sent: number
  answered: number
  stored: number
  lost: number
  doubled: number
  strangers: number
  torn: number
  astray: number
  examples: string[]
}

/** Whether nothing is wrong. */
export function isSound({ lost, doubled, strangers, torn, astray }: Account): boolean {
  return lost + doubled + strangers + torn + astray === 0
}

export type Bookkeeper = {
  /** Also what was told before counts. */
  check(fates: Fate[]): Promise<Account>
  close(): Promise<void>
}

const IDS_AT_ONCE = 100_000

/** `database` is one the gateway stores into; a table of ours is made in it. */
export async function keepBooks(server: Server, database: string): Promise<Bookkeeper> {
  const client = createClient({ url: server.url, username: server.user, password: server.password, database })
  await client.command({ query: SENT })
  let told = 0

  async function tell(fates: Fate[]): Promise<void> {
    let rows: [string, number, number][] = []
    const flush = () => client.insert({ table: 'soak_sent', values: rows.splice(0), format: 'JSONCompactEachRow' })
    for (const { number, spans, fate } of fates.slice(told)) {
      for (let index = 0; index < spans; index++)
        rows.push([spanId(number, index), number, Number(fate === 'answered')])
      if (rows.length > IDS_AT_ONCE) await flush()
    }
    if (rows.length > 0) await flush()
    rows = []
    told = fates.length
  }
  const rowsOf = async <Row>(query: string) => (await client.query({ query, format: 'JSONEachRow' })).json<Row>()

  return {
    async check(fates) {
      await tell(fates)
      const [ids] = await rowsOf<Omit<Account, 'torn' | 'astray' | 'examples'>>(COUNTED)
      const [torn] = await rowsOf<{ torn: number }>(TORN)
      const [views] = await rowsOf<{ astray: number }>(ASTRAY)
      const wrong = await rowsOf<{ example: string }>(EXAMPLES)
      if (!ids || !torn || !views) throw new Error('ClickHouse gave no answer')
      return { ...ids, ...torn, ...views, examples: wrong.map(({ example }) => example) }
    },
    close: () => client.close(),
  }
}

const SENT = `
CREATE TABLE soak_sent (SpanId String, Body UInt32, Answered UInt8)
ENGINE = MergeTree ORDER BY SpanId SETTINGS non_replicated_deduplication_window = 1000`

const BOTH = `
SELECT SpanId, max(Sent) AS IsSent, max(Answered) AS IsAnswered, sum(Stored) AS Times FROM (
  SELECT SpanId, 1 AS Sent, Answered, 0 AS Stored FROM soak_sent
  UNION ALL SELECT SpanId, 0 AS Sent, 0 AS Answered, 1 AS Stored FROM otel_traces)
GROUP BY SpanId`

const COUNTED = `
SELECT toUInt32(sum(IsSent)) AS sent, toUInt32(sum(IsAnswered)) AS answered, toUInt32(sum(Times)) AS stored,
  toUInt32(countIf(IsAnswered AND Times = 0)) AS lost, toUInt32(countIf(Times > 1)) AS doubled,
  toUInt32(countIf(NOT IsSent)) AS strangers
FROM (${BOTH})`

const TORN = `
SELECT toUInt32(sum(Missing)) AS torn FROM (
  SELECT count() AS Missing FROM soak_sent
  WHERE NOT Answered AND SpanId NOT IN (SELECT SpanId FROM otel_traces)
    AND Body IN (SELECT Body FROM soak_sent WHERE NOT Answered AND SpanId IN (SELECT SpanId FROM otel_traces)))`

/** Every span is one row of \`cycles\` or one of \`steps\`, and its trace one of the table that finds traces by their id. */
const ASTRAY = `
SELECT toUInt32(countIf(Spans != Rows)) AS astray FROM (
  SELECT Id, sum(Spans) AS Spans, sum(Rows) AS Rows FROM (
    SELECT DISTINCT TraceId || SpanId AS Id, 1 AS Spans, 0 AS Rows FROM otel_traces
    UNION ALL SELECT TraceId || SpanId AS Id, 0 AS Spans, 1 AS Rows FROM cycles
    UNION ALL SELECT TraceId || SpanId AS Id, 0 AS Spans, 1 AS Rows FROM steps
    UNION ALL SELECT DISTINCT TraceId AS Id, 1 AS Spans, 0 AS Rows FROM otel_traces
    UNION ALL SELECT DISTINCT TraceId AS Id, 0 AS Spans, 1 AS Rows FROM otel_traces_trace_id_ts)
  GROUP BY Id)`

const EXAMPLES = `
SELECT concat('span ', SpanId, if(IsAnswered, ' answered', ''), ' stored ', toString(Times), ' times') AS example
FROM (${BOTH})
WHERE (IsAnswered AND Times = 0) OR Times > 1 OR NOT IsSent
ORDER BY SpanId LIMIT 10`
