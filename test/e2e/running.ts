// A running `cyclewatch up`, and how to talk to it from outside.

import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CycleAnswer, WaterfallAnswer } from '#api/schemas.ts'
import { type Ended, run, type Started, type StartOptions, start, until } from '#test/e2e/processes.ts'
import { type Attributes, type SpanText, span, tracesJson } from '#test/ingest/otlp.ts'

export type Up = {
  folder: string
  process: Started
  /** Base URLs. */
  ingest: string
  api: string
  clickhouse: string
}

/** Starts `up` in the folder and waits until it says it is ready. Rejects with what it said when it ends instead. */
export async function up(folder: string, options: StartOptions = {}): Promise<Up> {
  const process = start(folder, ['up', '--json'], options)
  const early = process.ended.then(({ code, err }) => {
    throw new Error(`up ended with ${code}: ${err}`)
  })
  early.catch(() => {})
  const addresses = await Promise.race([until(() => addressesIn(process.out()), 'up to be ready'), early])
  return { folder, process, ...addresses }
}

function addressesIn(out: string): Pick<Up, 'ingest' | 'api' | 'clickhouse'> | null {
  return out.endsWith('}\n') ? JSON.parse(out) : null
}

/** Stops it as Ctrl-C does. */
export function stop({ process }: Up): Promise<Ended> {
  process.kill('SIGINT')
  return process.ended
}

const AGE = /^cyclewatch_spool_oldest_seconds\{signal="\w+"\} (\S+)$/gm

/** Resolves when all that was answered with 200 before this call is in ClickHouse. */
export async function settled({ api }: Pick<Up, 'api'>): Promise<void> {
  const asked = performance.now()
  let metrics = ''
  await until(
    async () => {
      const seconds = (performance.now() - asked) / 1_000
      metrics = await (await fetch(`${api}/metrics`)).text()
      const ages = [...metrics.matchAll(AGE)].map(([, age]) => Number(age))
      return ages.length > 0 && ages.every((age) => age === 0 || age < seconds)
    },
    () => `an empty spool in ${metrics}`,
  )
}

/** Runs a command against it, once everything sent is stored. */
export async function ask({ folder, api }: Pick<Up, 'folder' | 'api'>, argv: string[]): Promise<Ended> {
  await settled({ api })
  return run(folder, ['--url', api, ...argv])
}

/**
 * The newest cycles, once everything sent is stored, as the API tells them: a command takes a second to start on a busy
 * machine.
 */
export async function cyclesOf(where: Pick<Up, 'api'>, query = ''): Promise<CycleAnswer[]> {
  return (await answerOf<{ items: CycleAnswer[] }>(where, `/api/cycles?limit=1000${query}`)).items
}

/** One cycle with its spans. */
export function waterfallOf(where: Pick<Up, 'api'>, traceId: string): Promise<WaterfallAnswer> {
  return answerOf(where, `/api/cycles/${traceId}`)
}

async function answerOf<Answer>({ api }: Pick<Up, 'api'>, path: string): Promise<Answer> {
  await settled({ api })
  const answer = await fetch(api + path)
  if (!answer.ok) throw new Error(`${path} answers ${answer.status}: ${await answer.text()}`)
  return (await answer.json()) as Answer
}

/** Runs doctor, once everything sent is stored, with a configuration that names the addresses that were taken. */
export async function doctor({ folder, ingest, api }: Up): Promise<Ended> {
  await settled({ api })
  const config = `
data: ./data
engine: { httpPort: 0 }
ingest: { listen: '${new URL(ingest).host}' }
api: { listen: '${new URL(api).host}' }
`
  writeFileSync(join(folder, 'taken.yaml'), config)
  return run(folder, ['doctor', '--config', 'taken.yaml'])
}

export const JSON_TYPE = { 'content-type': 'application/json' }
export const PROTOBUF_TYPE = { 'content-type': 'application/x-protobuf' }

/** Sends a body to /v1/traces. */
export function post(
  { ingest }: Pick<Up, 'ingest'>,
  body: Buffer,
  headers: Record<string, string> = JSON_TYPE,
): Promise<Response> {
  return fetch(`${ingest}/v1/traces`, { method: 'POST', body: new Uint8Array(body), headers })
}

/** A trace id no other has. */
export function newTraceId(): string {
  return randomUUID().replaceAll('-', '')
}

const SECOND = 1_000_000_000n

/** The root span of a cycle that ended this moment. */
export function root(name: string, traceId: string, seconds = 2, attributes: Attributes = {}): SpanText {
  const endNano = BigInt(Date.now()) * 1_000_000n
  const startNano = endNano - BigInt(Math.round(seconds * 1_000)) * (SECOND / 1_000n)
  return span({ traceId, name, startNano, endNano, attributes: { 'cycle.name': name, ...attributes } })
}

/** Sends a cycle that is only a root span, in JSON, and returns the answer's status. */
export async function sendCycle(where: Pick<Up, 'ingest'>, name: string, traceId = newTraceId()): Promise<number> {
  return (await post(where, tracesJson([{ spans: [root(name, traceId)] }]))).status
}

/** Asks the embedded ClickHouse as its own user, once everything sent is stored. */
export async function select<Row>({ folder, clickhouse, api }: Up, query: string): Promise<Row[]> {
  await settled({ api })
  const password = readFileSync(join(folder, 'data/engine/password'), 'utf8')
  const headers = { authorization: `Basic ${btoa(`cyclewatch:${password}`)}` }
  const answer = await fetch(`${clickhouse}/?database=cyclewatch&default_format=JSONEachRow`, {
    method: 'POST',
    body: query,
    headers,
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(text)
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Row)
}

/** The process of the embedded engine, as the data folder names it. */
export function enginePid(folder: string): number {
  return JSON.parse(readFileSync(join(folder, 'data/engine.json'), 'utf8')).pid
}
