// The bodies of the fuzz: some as any sender could send them, most of them damaged.

import fc from 'fast-check'
import type { Encoding, Signal } from '#storage/signals.ts'
import { mutate, type Random, random } from '#test/ingest/mutate.ts'
import { requests, traces, tracesJson } from '#test/ingest/otlp.ts'
import { logRequests, logs, logsJson } from '#test/ingest/otlp-logs.ts'
import { metrics } from '#test/ingest/otlp-metrics.ts'
import { metricsJson } from '#test/ingest/otlp-metrics-json.ts'
import { metricRequests } from '#test/ingest/otlp-metrics-requests.ts'

const SEEDS = 600
/** Of a hundred bodies. */
const UNDAMAGED = 15
/** Of a hundred requests: times of any day there is make a part each, which would take all the time there is. */
const ANY_TIMES = 3

type Kind = { sample(seed: number): unknown[]; protobuf: (sent: never) => Buffer; json: (sent: never) => Buffer }

const sampled = (any: fc.Arbitrary<unknown>) => (seed: number) => fc.sample(any, { numRuns: SEEDS, seed })

const KINDS: Record<Signal, Kind> = {
  traces: { sample: sampled(requests), protobuf: traces, json: tracesJson },
  metrics: { sample: sampled(metricRequests), protobuf: metrics, json: metricsJson },
  logs: { sample: sampled(logRequests), protobuf: logs, json: logsJson },
}

/** Bodies to make others of. */
export function seedBodies(signal: Signal, encoding: Encoding, seed: number): Buffer[] {
  const { sample, [encoding]: write } = KINDS[signal]
  const pick = random(seed)
  return sample(seed).map((sent) => write((pick(100) < ANY_TIMES ? sent : withUsualTimes(sent, pick)) as never))
}

/** One of them, or what is left of it. */
export function bodyOf(encoding: Encoding, seeds: Buffer[], pick: Random): Buffer {
  const [body, other] = [seeds[pick(seeds.length)], seeds[pick(seeds.length)]] as [Buffer, Buffer]
  return pick(100) < UNDAMAGED ? body : mutate(encoding, body, other, pick)
}

const USUAL_TIMES = [1_700_000_000_000_000_000n, 1_700_000_000_123_456_789n, 1_700_100_000_000_000_000n]

function withUsualTimes(sent: unknown, pick: Random): unknown {
  if (Array.isArray(sent)) return sent.map((item) => withUsualTimes(item, pick))
  if (sent === null || typeof sent !== 'object' || Buffer.isBuffer(sent)) return sent
  return Object.fromEntries(
    Object.entries(sent).map(([key, value]) => {
      const isTime = typeof value === 'bigint' && /Nano$/.test(key)
      return [key, isTime ? USUAL_TIMES[pick(USUAL_TIMES.length)] : withUsualTimes(value, pick)]
    }),
  )
}
