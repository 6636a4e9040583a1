// Runs cycles over a random mix of all faults and watches what the process holds: sockets, timers, memory. Ends with
// exit code 1 when something grows, keeps the process alive between cycles, or a cycle does not end.
// node test/collector/faults/leaks.ts [--cycles 10000] [--seed N] [--leak sockets|timers|memory]

import { setMaxListeners } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import * as tls from 'node:tls'
import { parseArgs } from 'node:util'
import { cycle, type FetchOptions, fetchPolicy, type Run, startTelemetry } from '#collector/collector.ts'
import { CERTIFICATE } from '#test/certificate.ts'
import { EXPIRED } from '#test/collector/faults/certificates.ts'
import { countTimers, type Holdings, holdingsOf } from '#test/collector/faults/holdings.ts'
import { NAMES, troubleNames } from '#test/collector/faults/names.ts'
import { type Remote, startRemote } from '#test/collector/faults/remote.ts'
import { type Reading, trendOf } from '#test/collector/faults/trend.ts'
import { type Random, random } from '#test/ingest/mutate.ts'

const AT_ONCE = 8
const READINGS = { short: 12, long: 20 }
/** How long a fetch may take, at least and at most: no fault ends later than these by itself, but for what hangs. */
const PATIENCE_MS = { least: 30, most: 120 }
/** A cycle that is not over by then hangs. */
const HANGING_MS = 30_000
/** How long a connection that never came about may stay after everybody gave up waiting for it. */
const LINGER_MS = 10_000
/** From so many cycles on, such connections are in the mix, and readings wait for their end. */
const LONG_RUN = 2_000
const LINGERING = ['muteTls', 'silent'] as const

const TIMELINES = `
  ok; ok; ok; ok then close; ok, reset, ok; reset; reset in head; reset in body; close; half; hang; head then hang;
  half then hang; drip head; drip body; length too short; two answers; length twice; broken chunks; cut chunks; 101; 204;
  204 with body; not http; echo; huge header; http 1.0; continue; early hints; early answer; early answer then close;
  early answer then reset; bad gzip; bad br; bad zstd; cut gzip; cut br; cut zstd; bomb 2; 429; 429 after 2;
  429 after date; 429 after -5; 500; 503; 503, ok; redirect loop; redirect to refused; redirect to nowhere;
  redirect to scheme`
const HOSTS = ['refused', 'deaf', 'slammed', 'notTls', 'selfSigned', 'expired', 'wrongHost', 'muteTls'] as const
const LARGE_BODY = 'x'.repeat(2 ** 18)

/**
 * Growth from the end of the warm-up on that is no leak yet: pools that happen to be fuller, and code that is still being
 * compiled, of which a short run has more.
 */
function tolerancesOf(isLong: boolean): Record<keyof Holdings, number> {
  const count = isLong ? AT_ONCE : 2 * AT_ONCE
  const bytes = isLong ? 1_000_000 : 2_000_000
  return {
    ...{ sockets: count, descriptors: count, upstream: count, timers: count },
    ...{ heap: bytes, external: bytes, rss: 48_000_000 },
  }
}

/** Retries that come so soon that patience lasts for them, and timeouts that end them too. */
const QUICK = fetchPolicy({
  backoff: { firstMs: 2, longestMs: 10 },
  timeouts: { connectMs: 40, firstByteMs: 40, idleMs: 40, totalMs: 80 },
  host: { breaker: false },
})
/** Of the whole job: as long as it lives, nothing of a single cycle may stay with it. */
const shutdown = new AbortController()
setMaxListeners(0, shutdown.signal)

type Leak = 'sockets' | 'timers' | 'memory'
type Settings = { cycles: number; seed: number; leak: Leak | undefined }

/** Resolves with what grew or stayed, as lines; none is good. */
async function watch({ cycles, seed, leak }: Settings, say: (line: string) => void): Promise<string[]> {
  const pick = random(seed)
  tls.setDefaultCACertificates([CERTIFICATE, EXPIRED.cert])
  const timers = countTimers()
  using _ = troubleNames()
  await using remote = await startRemote(TIMELINES.split(';').map((timeline) => timeline.trim()))
  const telemetry = startTelemetry({ service: 'leaks', endpoint: remote.sink })
  const isLong = cycles >= LONG_RUN
  const readings = isLong ? READINGS.long : READINGS.short
  const addresses = addressesOf(remote, isLong)
  const seen: Series = { sockets: [], descriptors: [], upstream: [], timers: [], heap: [], external: [], rss: [] }
  say(['cycles', ...Object.keys(seen)].map((title) => title.padStart(12)).join(''))
  for (let reading = 1; reading <= readings; reading += 1) {
    await inParallel(Math.round(cycles / readings), () => oneCycle(remote, addresses, pick, leak))
    await telemetry.flush()
    await sleep(isLong ? LINGER_MS + 1_000 : 300)
    const now = await holdingsOf(remote, timers)
    const done = Math.round((cycles / readings) * reading)
    for (const [key, value] of Object.entries(now)) seen[key as keyof Holdings].push([done, value])
    say(line(done, now))
  }
  await telemetry.shutdown()
  return [...verdicts(seen, tolerancesOf(isLong), say), ...holdsOpen(seen, say)]
}

function addressesOf({ plans, hosts }: Remote, isLong: boolean): string[] {
  const names = Object.entries(NAMES).map(([name, host]) => [name, `http://${host}/`] as const)
  const below = [...HOSTS.map((host) => [host, hosts[host]] as const), ...names]
  const lingering = new Set<string>(isLong ? [] : LINGERING)
  return [...plans, ...below.filter(([name]) => !lingering.has(name)).map(([, url]) => url)]
}

/** One to three fetches side by side, each to a fault of its own and with a patience of its own. */
async function oneCycle(remote: Remote, addresses: string[], pick: Random, leak: Leak | undefined): Promise<void> {
  const urls = Array.from({ length: 1 + pick(3) }, () => addresses[pick(addresses.length)] as string)
  const hanging = setTimeout(() => {
    throw new Error(`a cycle of ${urls.join(' ')} did not end in ${HANGING_MS} ms`)
  }, HANGING_MS)
  const options = pick(2) === 0 ? { fetch: QUICK, budgetMs: 2 * PATIENCE_MS.most, signal: shutdown.signal } : {}
  await cycle('leaks', (run) => Promise.allSettled(urls.map((url) => oneFetch(run, url, pick))), options)
  clearTimeout(hanging)
  if (leak) LEAKS[leak](remote)
}

/** A signal of our own: those of AbortSignal.timeout hold a timer until it fires. */
async function oneFetch(run: Run, url: string, pick: Random): Promise<void> {
  const patience = new AbortController()
  const timer = setTimeout(() => patience.abort(), PATIENCE_MS.least + pick(PATIENCE_MS.most - PATIENCE_MS.least))
  const sent: FetchOptions = pick(4) === 0 ? { method: 'POST', body: LARGE_BODY } : {}
  try {
    await run.fetch(url, { ...sent, signal: patience.signal })
  } finally {
    clearTimeout(timer)
  }
}

async function inParallel(count: number, work: () => Promise<void>): Promise<void> {
  let left = count
  const worker = async () => {
    while (left-- > 0) await work()
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

const kept: unknown[] = []

/** On purpose, to show that it would be noticed. */
const LEAKS: Record<Leak, (remote: Remote) => void> = {
  sockets: ({ sink }) => void kept.push(connect(Number(new URL(sink).port), '127.0.0.1').unref()),
  timers: () => void setTimeout(() => {}, 2 ** 30).unref(),
  memory: () => void kept.push(Array.from({ length: 8_000 }, Math.random)),
}

type Series = Record<keyof Holdings, Reading[]>

function verdicts(seen: Series, tolerances: Record<keyof Holdings, number>, say: (line: string) => void): string[] {
  return (Object.keys(seen) as (keyof Holdings)[]).flatMap((key) => {
    const { growth, steadyGrowth, grows } = trendOf(seen[key], tolerances[key])
    const figures = `${Math.round(growth)} since the warm-up, at least ${Math.round(steadyGrowth)} in each half of it`
    const told = `${key}: ${figures}; up to ${tolerances[key]} is no leak`
    say(`${grows ? 'GROWS  ' : 'steady '} ${told}`)
    return grows ? [told] : []
  })
}

/** While nothing runs, nothing may keep the process from ending. */
function holdsOpen({ sockets }: Series, say: (line: string) => void): string[] {
  const most = Math.max(...sockets.map(([, value]) => value))
  const told = `${most} sockets at most kept the process alive after its cycles were over`
  say(`${most > 0 ? 'STAYS  ' : 'steady '} ${told}`)
  return most > 0 ? [told] : []
}

function line(done: number, now: Holdings): string {
  return [done, ...Object.values(now)].map((value) => String(value).padStart(12)).join('')
}

function settingsOf(argv: string[]): Settings {
  const options = { cycles: { type: 'string' }, seed: { type: 'string' }, leak: { type: 'string' } } as const
  const { cycles = '10000', seed = String(random(Date.now())(1e6)), leak } = parseArgs({ args: argv, options }).values
  if (leak !== undefined && !(leak in LEAKS)) throw new RangeError(`--leak is one of ${Object.keys(LEAKS).join(', ')}`)
  return { cycles: Number(cycles), seed: Number(seed), leak: leak as Leak | undefined }
}

const settings = settingsOf(process.argv.slice(2))
console.log(`${settings.cycles} cycles, seed ${settings.seed}`)
const faults = await watch(settings, console.log)
console.log(faults.length === 0 ? 'nothing grows' : 'FAILED')
if (faults.length > 0) process.exitCode = 1
