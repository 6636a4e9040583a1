// A process that sends requests to ingest as told, and says how they were answered. Its own processor time is the price
// of measuring on one machine, so it does as little as it can.

import { randomFillSync } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'
import type { Encoding } from '#storage/signals.ts'
import { makeBodies } from '#test/bench/ingest/bodies.ts'

/** `rate` is requests a second over all connections, evenly; null is as fast as they are answered. */
export type Load = {
  url: string
  encoding: Encoding
  /** Of 20 spans, in a request. */
  cycles: number
  connections: number
  rate: number | null
  seconds: number
}

/** `answerMs` from the moment a request was due to its answer; `spans` of those answered with 200. */
export type Sent = { spans: number; requests: number; statuses: Record<number, number>; answerMs: number[] }

process.once('message', async (load: Load) => {
  const sent = await send(load)
  process.send?.(sent, undefined, undefined, () => process.disconnect?.())
})

async function send({ url, encoding, cycles, connections, rate, seconds }: Load): Promise<Sent> {
  const pool = new Pool(url, { connections, pipelining: 1 })
  const bodies = makeBodies(encoding, (words) => randomFillSync(words), cycles)
  const headers = { 'content-type': encoding === 'json' ? 'application/json' : 'application/x-protobuf' }
  const sent: Sent = { spans: 0, requests: 0, statuses: {}, answerMs: [] }
  const began = performance.now()
  const end = began + seconds * 1_000

  async function one(due: number): Promise<void> {
    const body = bodies.next(BigInt(Date.now()) * 1_000_000n)
    const { statusCode, body: answer } = await pool.request({ path: '/v1/traces', method: 'POST', headers, body })
    await answer.dump()
    sent.answerMs.push(performance.now() - due)
    sent.requests += 1
    sent.statuses[statusCode] = (sent.statuses[statusCode] ?? 0) + 1
    if (statusCode === 200) sent.spans += bodies.spans
    else await delay(1_000)
  }

  async function asFastAsAnswered(): Promise<void> {
    while (performance.now() < end) await one(performance.now())
  }

  /** Each at times of its own, whether the last was answered late or not: waiting must not hide how long it took. */
  async function evenly(n: number, every: number): Promise<void> {
    for (let due = began + (n / connections) * every; due < end; due += every) {
      await delay(Math.max(0, due - performance.now()))
      await one(due)
    }
  }

  await Promise.all(
    Array.from({ length: connections }, (_, n) =>
      rate === null ? asFastAsAnswered() : evenly(n, (connections / rate) * 1_000),
    ),
  )
  await pool.close()
  return sent
}
