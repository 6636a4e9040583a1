// What run.fetch costs above bare undici: processor time a request, with telemetry on and exported.
// node test/bench/collector.ts [--short] [--json FILE]

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent, request } from 'undici'
import { cycle, startTelemetry } from '#collector/collector.ts'
import { type Row, report, row } from '#test/bench/report.ts'

const BAR_MICROSECONDS = 50
const CONCURRENCY = 16
const WARM_UP_ROUNDS = 3
const BODY = JSON.stringify({ items: Array.from({ length: 20 }, (_, id) => ({ id, symbol: 'BTC', price: 68_000.5 })) })

/** The two servers run in processes of their own: their work is not ours to count. */
const SERVERS: Record<string, RequestListener> = {
  upstream: (_, response) => {
    response.setHeader('content-type', 'application/json').setHeader('cache-control', 'no-store').end(BODY)
  },
  sink: (incoming, response) => {
    incoming.resume().on('end', () => response.setHeader('content-type', 'application/json').end('{}'))
  },
}

/**
 * Pairs of rounds over the same requests, one bare and one in a cycle including its export, in alternating order.
 * The figure is the median of the pairs' differences, in microseconds of this process's processor time a request.
 */
export async function measureCollector({ rounds, requests }: { rounds: number; requests: number }): Promise<Row[]> {
  const [upstream, sink] = await Promise.all([serve('upstream'), serve('sink')])
  const pool = new Agent({ allowH2: false })
  const telemetry = startTelemetry({ service: 'bench', endpoint: sink.url })
  const url = `${upstream.url}/coins?page=1&limit=20`
  const bare = () => inParallel(requests, async () => (await request(url, { dispatcher: pool })).body.text())
  const watched = async () => {
    await cycle('bench', (run) => inParallel(requests, async () => (await run.fetch(url)).text()))
    await telemetry.flush()
  }
  const pairs: { bare: number; watched: number }[] = []
  for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
    const first = await processorTime(round % 2 === 0 ? bare : watched)
    const second = await processorTime(round % 2 === 0 ? watched : bare)
    if (round < 0) continue
    pairs.push(round % 2 === 0 ? { bare: first, watched: second } : { bare: second, watched: first })
  }
  await telemetry.shutdown()
  await pool.close()
  upstream.process.kill()
  sink.process.kill()
  const each = (pick: (pair: { bare: number; watched: number }) => number) => median(pairs.map(pick)) / requests
  return [
    row(
      'collector: CPU a request above bare undici',
      each((pair) => pair.watched - pair.bare),
      'µs',
      BAR_MICROSECONDS,
      'lower',
      [
        { name: 'bare undici', value: each((pair) => pair.bare) },
        { name: 'run.fetch', value: each((pair) => pair.watched) },
        { name: 'pairs', value: rounds },
        { name: 'requests a round', value: requests },
      ],
    ),
  ]
}

async function inParallel(count: number, work: () => Promise<unknown>): Promise<void> {
  let left = count
  const worker = async () => {
    while (left-- > 0) await work()
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
}

/** Microseconds of user and system time. */
async function processorTime(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle - 1)] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2
}

async function serve(name: string): Promise<{ process: ChildProcess; url: string }> {
  const child = fork(import.meta.filename, ['--serve', name])
  const [port] = await once(child, 'message')
  return { process: child, url: `http://127.0.0.1:${port}` }
}

function beServer(name: string): void {
  const server = createServer(SERVERS[name])
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
  process.on('disconnect', () => process.exit())
}

if (import.meta.main) {
  const argv = process.argv.slice(2)
  if (argv[0] === '--serve') beServer(argv[1] ?? '')
  else
    report(
      await measureCollector(
        argv.includes('--short') ? { rounds: 7, requests: 1_000 } : { rounds: 41, requests: 2_000 },
      ),
      argv,
    )
}
