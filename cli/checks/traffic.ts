// What ingest has counted since it started, as the API of the same process tells it.

import { z } from 'zod'
import { get } from '#cli/checks/answers.ts'
import { type Finding, fault, good } from '#cli/checks/finding.ts'
import { count, share } from '#cli/output.ts'
import { formatDuration } from '#model/durations.ts'

/** What prom-client calls a metric in JSON. A value that is no number (NaN) is null there. */
const metricsAnswer = z.array(
  z.object({
    name: z.string(),
    values: z.array(
      z.object({
        value: z.number().nullable(),
        labels: z.record(z.string(), z.union([z.string(), z.number()])),
        metricName: z.string().optional(),
      }),
    ),
  }),
)

export type Metrics = z.output<typeof metricsAnswer>

/** Nothing where nobody answers: another check says so. `now` is epoch milliseconds. */
export async function checkTraffic(api: string | null, now: number): Promise<Finding[]> {
  if (api === null) return []
  const answer = await get(`${api.replace(/\/+$/, '')}/metrics`, { accept: 'application/json' }).catch(() => null)
  const metrics = metricsAnswer.safeParse(answer?.body)
  return metrics.success ? judgeTraffic(metrics.data, now) : []
}

/** `requests` by HTTP status; the rest is the sum over the signals. */
type Traffic = {
  runningMs: number
  requests: Map<number, number>
  items: number
  rejected: number
  repeated: number
  dropped: number
  inserts: number
  insertSeconds: number
  retries: number
  lost: number
  oldestSeconds: number
}

export function judgeTraffic(metrics: Metrics, now: number): Finding[] {
  // An API that runs without ingest.
  if (!metrics.some(({ name }) => name === 'cyclewatch_ingest_requests_total')) return []
  const traffic = trafficOf(metrics, now)
  return [judgeRequests(traffic), judgeInserts(traffic)]
}

function trafficOf(metrics: Metrics, now: number): Traffic {
  const of = (name: string) => metrics.find((metric) => metric.name === name)?.values ?? []
  const sum = (name: string, metricName?: string) =>
    of(name)
      .filter((one) => metricName === undefined || one.metricName === metricName)
      .reduce((total, { value }) => total + (value ?? 0), 0)
  const ingest = (name: string) => sum(`cyclewatch_ingest_${name}_total`)
  const requests = new Map<number, number>()
  for (const { labels, value } of of('cyclewatch_ingest_requests_total')) {
    const status = Number(labels.status)
    requests.set(status, (requests.get(status) ?? 0) + (value ?? 0))
  }
  const seconds = 'cyclewatch_ingest_insert_seconds'
  return {
    runningMs: Math.max(0, now - sum('process_start_time_seconds') * 1_000),
    requests,
    items: ingest('items'),
    rejected: ingest('rejected_items'),
    repeated: ingest('repeated_requests'),
    dropped: ingest('connections_refused'),
    inserts: sum(seconds, `${seconds}_count`),
    insertSeconds: sum(seconds, `${seconds}_sum`),
    retries: ingest('insert_retries'),
    lost: ingest('lost_segments'),
    oldestSeconds: Math.max(0, ...of('cyclewatch_spool_oldest_seconds').map(({ value }) => value ?? 0)),
  }
}

/** Counters remember for as long as the process runs: what was mended long ago shall not stay a fault. */
const MANY = 0.05

const REMEDIES: Record<number, string> = {
  400: 'the answer told the sender what is wrong with its bodies; see its log',
  401: "give the sender a secret out of tokens: 'Authorization: Bearer SECRET'",
  403: 'add the service to tokens[].services, or give the sender another token',
  413: 'let the sender send less at once; for bytes, ingest.maxBodyBytes can be raised',
  415: 'let the sender use http/protobuf or http/json, and gzip or no compression',
  429: 'let the sender send less, or raise ingest.bytesPerSecond; it repeats what was refused',
  500: 'that is a bug: please report it with what `up` wrote',
  503: 'see ClickHouse and the spool above, or send smaller bodies; senders repeat what was refused',
}

function judgeRequests({ runningMs, requests, items, rejected, repeated, dropped }: Traffic): Finding {
  const all = [...requests.values()].reduce((sum, number) => sum + number, 0)
  const since = `since its start ${formatDuration(runningMs)} ago`
  if (all === 0 && dropped === 0) return good('received', `nothing ${since}`)
  const refused = [...requests].filter(([status, number]) => status !== 200 && number > 0).sort((a, b) => b[1] - a[1])
  const refusals = refused.reduce((sum, [, number]) => sum + number, 0)
  const by = refused.map(([status, number]) => `${count(number)} with ${status}`).join(', ')
  const says = [
    `${counted(all, 'request')} with ${counted(items, 'item')} ${since}`,
    ...(repeated > 0 ? [`${count(repeated)} repeated`] : []),
    ...(rejected > 0 ? [`${counted(rejected, 'item')} left out, without valid ids`] : []),
    ...(refusals > 0 ? [`${share(refusals / all)} refused: ${by}`] : []),
    ...(dropped > 0 ? [`${counted(dropped, 'connection')} closed as too many`] : []),
  ].join(', ')
  const [most] = refused
  if (most !== undefined && refusals >= MANY * all) {
    return fault('received', says, REMEDIES[most[0]] ?? 'see the log of the sender')
  }
  if (dropped > MANY * all) return fault('received', says, 'raise ingest.connections, or let senders keep theirs open')
  return good('received', says)
}

function counted(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`
}

/** Longer than what is accepted waits for the next insert and the insert takes. */
const LATE_SECONDS = 10

function judgeInserts({ inserts, insertSeconds, retries, lost, oldestSeconds }: Traffic): Finding {
  const mean = inserts === 0 ? [] : [`${formatDuration((insertSeconds / inserts) * 1_000)} on average`]
  const says = [
    `${count(inserts)} into ClickHouse`,
    ...mean,
    ...(retries > 0 ? [`${count(retries)} tried again`] : []),
    ...(lost > 0 ? [`${counted(lost, 'file')} removed by somebody before they were stored`] : []),
  ].join(', ')
  if (lost > 0)
    return fault('inserts', says, 'let nobody else delete files of the folder spool: what was in them is lost')
  if (retries > 0 && oldestSeconds > LATE_SECONDS) {
    const waits = `${says}; the oldest waits since ${formatDuration(oldestSeconds * 1_000)}`
    return fault('inserts', waits, 'they cannot be stored at the moment: `up` wrote the reason when it began')
  }
  return good('inserts', says)
}
