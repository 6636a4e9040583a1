// A load on a running product, and what it cost: stored spans a second, processor time, memory, answers.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { quantile } from 'simple-statistics'
import { mergesSettled } from '#test/bench/ingest/limit.ts'
import type { Load, Sent } from '#test/bench/ingest/sender.ts'
import { memoryOf, mergeTimeOf, processorTimeOf, type Up } from '#test/bench/up.ts'

/** Seconds of processor time are for a million spans, memory is in MB of 10^6 bytes. */
export type Measured = {
  spans: number
  requests: number
  refused: number
  inserts: number
  storedASecond: number
  requestsASecond: number
  own: number
  engine: number
  /** Of the engine's. */
  merging: number
  sender: number
  /** Of our process, seen every second: the first, the largest, and the mean of the last tenth. */
  memory: { first: number; largest: number; last: number }
  answerMs: { p50: number; p99: number }
  /** Of those that followed the first. */
  insertsASecond: number
}

/** Sends as told and waits until all of it is stored and merged: what is left over for later is part of the price. */
export async function measureLoad(product: Up, load: Omit<Load, 'url'>): Promise<Measured> {
  const before = await readCosts(product)
  const began = performance.now()
  const memory = watchMemory(product.pids.own)
  const { sent, sender } = await run({ ...load, url: product.ingestUrl })
  await untilStored(product)
  const seconds = (performance.now() - began) / 1_000
  await mergesSettled(product.clickhouse)
  const after = await readCosts(product)
  const spans = after.spans - before.spans
  const ofMillion = (cost: number) => cost / (spans / 1e6)
  return {
    spans,
    requests: sent.requests,
    refused: sent.requests - (sent.statuses[200] ?? 0),
    inserts: after.inserts - before.inserts,
    storedASecond: spans / seconds,
    requestsASecond: sent.requests / load.seconds,
    own: ofMillion(after.own - before.own),
    engine: ofMillion(after.engine - before.engine),
    merging: ofMillion(after.merging - before.merging),
    sender: ofMillion(sender),
    memory: memory.stop(),
    answerMs: { p50: quantile(sent.answerMs, 0.5), p99: quantile(sent.answerMs, 0.99) },
    insertsASecond: (after.inserts - before.inserts - 1) / seconds,
  }
}

async function run(load: Load): Promise<{ sent: Sent; sender: number }> {
  const child = fork(new URL('./sender.ts', import.meta.url), { execArgv: ['--disable-warning=ExperimentalWarning'] })
  const cpu = watch(() => processorTimeOf(child.pid as number), 100)
  const gone = once(child, 'exit').then(() => {
    throw new Error('the process that sends ended without a word')
  })
  gone.catch(() => {})
  child.send(load)
  try {
    const [sent] = (await Promise.race([once(child, 'message'), gone])) as [Sent]
    return { sent, sender: Math.max(...cpu.stop()) }
  } finally {
    child.kill()
  }
}

type Costs = { spans: number; inserts: number; own: number; engine: number; merging: number }

async function readCosts(product: Up): Promise<Costs> {
  const [spans, inserts] = [
    await metric(product, 'cyclewatch_ingest_inserted_items_total'),
    await metric(product, 'cyclewatch_ingest_insert_seconds_count'),
  ]
  const { own, engine } = product.pids
  const merging = mergeTimeOf(engine) ?? 0
  return { spans, inserts, own: processorTimeOf(own) ?? 0, engine: processorTimeOf(engine) ?? 0, merging }
}

async function untilStored(product: Up): Promise<void> {
  while ((await metric(product, 'cyclewatch_spool_bytes')) > 0) await delay(50)
}

async function metric({ apiUrl }: Up, name: string): Promise<number> {
  const text = await (await fetch(`${apiUrl}/metrics`)).text()
  const value = new RegExp(`^${name}\\{signal="traces"\\} (\\S+)$`, 'm').exec(text)?.[1]
  if (value === undefined) throw new Error(`there is no metric ${name}`)
  return Number(value)
}

function watchMemory(pid: number): { stop(): Measured['memory'] } {
  const samples = watch(() => memoryOf(pid)?.resident ?? null, 1_000)
  return {
    stop() {
      const seen = samples.stop()
      const last = seen.slice(-Math.ceil(seen.length / 10))
      return {
        first: seen[0] ?? 0,
        largest: Math.max(...seen),
        last: last.reduce((sum, value) => sum + value, 0) / last.length,
      }
    },
  }
}

function watch(read: () => number | null, everyMs: number): { stop(): number[] } {
  const seen: number[] = []
  const look = () => {
    const value = read()
    if (value !== null) seen.push(value)
  }
  look()
  const timer = setInterval(look, everyMs)
  return {
    stop() {
      clearInterval(timer)
      look()
      return seen
    },
  }
}
