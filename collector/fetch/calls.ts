// One call of run.fetch to one address: attempts, and what lies between them, until there is an answer or no point in going on.

import { setTimeout as delay } from 'node:timers/promises'
import { type Answer, attempt, type Ending } from '#collector/fetch/attempt.ts'
import type { Host } from '#collector/fetch/hosts.ts'
import type { Limits } from '#collector/fetch/limits.ts'
import { breakerOpen, quotaUsedUp } from '#collector/fetch/network-errors.ts'
import type { FetchPolicy } from '#collector/fetch/policy.ts'
import type { Asked } from '#collector/fetch/requests.ts'
import { type Attempted, decideRetry, isFailure, isTimeout, retryAfterMs } from '#collector/fetch/retry.ts'
import { type Turn, takeTurn } from '#collector/fetch/turns.ts'
import type { Sample } from '#collector/flow/adaptive.ts'
import type { Ongoing } from '#collector/ongoing.ts'
import { stepIn } from '#collector/steps.ts'
import { addCost } from '#collector/telemetry/worth.ts'

/** `sent` counts the attempts of a whole run.fetch, over its redirects. */
export type Count = { sent: number }

/** Throws a NetworkError when no attempt had a whole answer, and the signal's reason when that ended it. */
export async function call(ongoing: Ongoing, asked: Asked, policy: FetchPolicy, count: Count): Promise<Answer> {
  const host = policy.hostOf(asked.url)
  const retries = asked.retries ?? policy.retries
  let timeouts = 0
  for (let tries = 1; ; tries += 1) {
    const ending = await pass(ongoing, asked, policy, host, count)
    if (ending.state === 'aborted') throw ending.error
    const attempted = attemptedOf(ending)
    if (isTimeout(attempted)) timeouts += 1
    const { idempotent } = asked
    const { backoff } = policy
    const left = { remainingMs: ongoing.budget.remainingMs(), backoff, random: Math.random }
    const verdict = decideRetry({ attempted, idempotent, retries, tries, timeouts, ...left })
    if (!verdict.retry) {
      if (ending.state === 'answered') return ending.answer
      throw ending.error
    }
    ongoing.totals.retries += 1
    await wait(ongoing, 'backoff', verdict.delayMs, asked.signal)
  }
}

/** One attempt, as soon as the host may be asked. */
async function pass(ongoing: Ongoing, asked: Asked, policy: FetchPolicy, host: Host, count: Count): Promise<Ending> {
  for (let waitedMs = 0; ; ) {
    waitedMs += await untilClosed(ongoing, asked, host, policy.breakerWaitMs - waitedMs)
    const turn = await takeTurn(ongoing, asked, host)
    const { breaker } = host
    const send = () => sendOnce(ongoing, asked, policy, host, turn, count)
    const ending = breaker ? await breaker.pass(send, failed) : await send()
    if (ending !== 'open') return ending
    // It opened while this call waited for its turn.
    turn.end()
  }
}

/** Waits until the breaker lets a call pass, for `patienceMs` at most; returns for how long. */
async function untilClosed(ongoing: Ongoing, asked: Asked, { breaker, name }: Host, patienceMs: number) {
  const closedMs = breaker?.closedForMs() ?? 0
  if (closedMs === 0) return 0
  if (closedMs > Math.min(patienceMs, ongoing.budget.remainingMs())) throw breakerOpen(asked, name, closedMs)
  await wait(ongoing, 'breaker', closedMs, asked.signal)
  return closedMs
}

async function sendOnce(
  ongoing: Ongoing,
  asked: Asked,
  policy: FetchPolicy,
  host: Host,
  turn: Turn,
  count: Count,
): Promise<Ending> {
  try {
    const quota = host.quota?.take()
    if (quota && !quota.taken) throw quotaUsedUp(asked, host.name, quota.renewsInMs)
    const limits = limitsOf(ongoing, asked, policy, host)
    const ending = await attempt(ongoing, asked, {
      resend: count.sent,
      limits,
      propagate: policy.propagates(asked.url),
    })
    count.sent += 1
    if (asked.cost !== undefined) addCost(ongoing, asked.cost)
    learn(host, ending)
    turn.end(sampleOf(ending))
    return ending
  } catch (error) {
    turn.end()
    throw error
  }
}

/** The end of the budget is no limit of an attempt: the cycle's signal ends all of it then. */
function limitsOf(ongoing: Ongoing, asked: Asked, policy: FetchPolicy, { latencies }: Host): Limits {
  if (ongoing.budget.remainingMs() <= 0) throw ongoing.budget.overdue()
  const timeouts = { ...policy.timeouts, ...asked.timeouts }
  const { firstByteMs } = timeouts
  return {
    ...timeouts,
    firstByteMs: typeof firstByteMs === 'number' ? firstByteMs : latencies.timeoutMs(firstByteMs),
    maxBytes: policy.maxBytes,
  }
}

function learn({ latencies }: Host, ending: Ending): void {
  if (ending.state === 'answered') latencies.add(ending.firstByteMs)
  else if (ending.state === 'lost' && ending.error.code === 'ETIMEDOUT' && ending.sent) latencies.add(ending.tookMs)
}

/** What the answer says about how much the host can bear. One that was never sent says nothing. */
function sampleOf(ending: Ending): Pick<Sample, 'rttMs' | 'outcome'> | undefined {
  if (ending.state === 'aborted' || (ending.state === 'lost' && !ending.sent)) return undefined
  const isRefused = ending.state === 'lost' || ending.answer.status === 429 || ending.answer.status === 503
  return { rttMs: ending.tookMs, outcome: isRefused ? 'dropped' : 'ok' }
}

function attemptedOf(ending: Exclude<Ending, { state: 'aborted' }>): Attempted {
  if (ending.state === 'lost') return { state: 'lost', code: ending.error.code, sent: ending.sent }
  const { status, headers } = ending.answer
  return { state: 'answered', status, retryAfterMs: retryAfterMs(headers['retry-after'], Date.now()) }
}

function failed(ending: Ending): boolean {
  return ending.state !== 'aborted' && isFailure(attemptedOf(ending))
}

/** A timer may ring a little early, and then there would be nothing but another wait to do. */
async function wait(ongoing: Ongoing, reason: 'backoff' | 'breaker', ms: number, signal: AbortSignal | undefined) {
  await stepIn(ongoing, reason, 'wait', () => delay(Math.ceil(ms) + 1, undefined, { signal }).catch(rethrowReason), {
    reason,
  })

  function rethrowReason(error: unknown): never {
    throw signal?.aborted ? signal.reason : error
  }
}
