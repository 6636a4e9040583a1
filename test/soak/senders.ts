// Senders as the OTLP specification wants them: what is not answered is sent again, the same bytes, until it is.

import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { type Random, random } from '#test/ingest/mutate.ts'
import { type SoakBody, soakBody } from '#test/soak/bodies.ts'
import { within } from '#test/soak/patience.ts'

/** `answered`: with 200, at least once. `dropped`: given up by its sender, so it may be stored or not. */
export type Fate = { number: number; spans: number; fate: 'answered' | 'dropped' }

/**
 * `retried` counts requests sent again after a failure, `distrusted` those sent again though they were answered or while
 * they were being; `busy` the answers 429, 502, 503 and 504, `waits` their Retry-After in seconds.
 */
export type Tally = {
  fates: Fate[]
  sentBytes: number
  requests: number
  retried: number
  distrusted: number
  lostConnections: number
  busy: number
  waits: Set<string>
  /** What no sender may ever see, as text. */
  faults: string[]
  /** The number of the next body. */
  next: number
}

export function newTally(): Tally {
  return {
    ...{ fates: [], sentBytes: 0, requests: 0, retried: 0, distrusted: 0, lostConnections: 0, busy: 0 },
    ...{ waits: new Set(), faults: [], next: 0 },
  }
}

/** `patienceMs` is how long a request may take; `tally` is counted on, so that no body comes again. */
export type SendersOptions = {
  url: string
  seed: number
  now: number
  tally: Tally
  atOnce?: number
  patienceMs?: number
  /** Whether some bodies are given up, sent again though answered, or aborted. */
  moody?: boolean
  /** New bodies are begun only while this is so. */
  room?: () => boolean
}

export type Senders = {
  /** Begins no further body and resolves when all are answered or given up. */
  finish(): Promise<void>
}

const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 1_000
const TRANSIENT = new Set([429, 502, 503, 504])

export function startSenders(options: SendersOptions): Senders {
  const { url, seed, now, tally, atOnce = 12, patienceMs = 10_000, moody = true, room = () => true } = options
  const agent = new Agent({ connections: atOnce * 2, headersTimeout: patienceMs, bodyTimeout: patienceMs })
  const post = (body: SoakBody, signal?: AbortSignal) => send(url, agent, tally, body, signal)
  let finishing = false

  async function work(): Promise<void> {
    while (!finishing) {
      if (!room()) {
        await delay(20)
        continue
      }
      const body = soakBody(seed, tally.next++, now)
      const pick = random(seed ^ (body.number * 7_919))
      const mood = moody ? moodOf(pick) : 'patient'
      const fate = await deliver(body, post, tally, mood, pick)
      tally.fates.push({ number: body.number, spans: body.spans, fate })
    }
  }

  const working = Promise.all(Array.from({ length: atOnce }, work))
  return {
    async finish() {
      finishing = true
      await within(() => `answers to all senders: ${tally.next - tally.fates.length} bodies are left`, working)
      await agent.close()
    },
  }
}

type Mood = 'patient' | 'gives up' | 'misses the answer' | 'hangs up'
type Answer = { status: number; retryAfter: string | null; text: string }
type Post = (body: SoakBody, signal?: AbortSignal) => Promise<Answer | null>

function moodOf(pick: Random): Mood {
  const chance = pick(100)
  if (chance < 4) return 'gives up'
  if (chance < 9) return 'misses the answer'
  return chance < 12 ? 'hangs up' : 'patient'
}

async function deliver(body: SoakBody, post: Post, tally: Tally, mood: Mood, pick: Random): Promise<Fate['fate']> {
  if (mood === 'hangs up') {
    // The second comes while the first is still being written.
    await post(body, AbortSignal.timeout(1 + pick(20)))
    tally.distrusted += 1
  }
  for (let attempt = 0; ; attempt++) {
    const answer = await post(body)
    if (answer?.status === 200) {
      if (mood !== 'misses the answer' || attempt > 0) return 'answered'
      tally.distrusted += 1
      continue
    }
    if (answer && !TRANSIENT.has(answer.status)) {
      tally.faults.push(`body ${body.number} was answered ${answer.status}: ${answer.text.slice(0, 300)}`)
      return 'dropped'
    }
    if (mood === 'gives up') return 'dropped'
    tally.retried += 1
    await delay(waitBefore(attempt, answer, pick))
  }
}

function waitBefore(attempt: number, answer: Answer | null, pick: Random): number {
  if (answer?.retryAfter) return Number(answer.retryAfter) * 1_000 + pick(200)
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 1.5 ** attempt) * (0.5 + pick(500) / 1_000)
}

const TYPES = { protobuf: 'application/x-protobuf', json: 'application/json' }

/** Null when there was no answer. */
async function send(
  url: string,
  agent: Agent,
  tally: Tally,
  { bytes, encoding, gzip }: SoakBody,
  signal?: AbortSignal,
): Promise<Answer | null> {
  tally.requests += 1
  tally.sentBytes += bytes.length
  const headers = { 'content-type': TYPES[encoding], ...(gzip ? { 'content-encoding': 'gzip' } : {}) }
  try {
    const answer = await request(`${url}/v1/traces`, {
      ...{ method: 'POST', headers, body: bytes, dispatcher: agent, signal: signal ?? null },
    })
    const retryAfter = String(answer.headers['retry-after'] ?? '') || null
    const text = await answer.body.text()
    if (TRANSIENT.has(answer.statusCode)) {
      tally.busy += 1
      tally.waits.add(retryAfter ?? 'none')
    }
    return { status: answer.statusCode, retryAfter, text }
  } catch {
    tally.lostConnections += 1
    return null
  }
}
