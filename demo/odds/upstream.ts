// The bookmakers' API on loopback: GET /odds, answered after 0.30 s with every quote as it then stands. Its clock runs
// `scale` times faster than ours.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** `since`: when the price moved last, by the API's clock. */
export type Quote = { match: string; bookmaker: string; outcome: string; price: number; since: number }

/** `asOf`: the moment these prices were true, in the API's milliseconds. */
export type Odds = { asOf: number; quotes: Quote[] }

export type OddsUpstream = AsyncDisposable & {
  url: string
  /** The API's milliseconds since it was started. */
  clock(): number
  /** Requests for /odds so far. */
  calls(): number
  /** By how many milliseconds all answers so far came earlier than the original's would have. */
  sparedMs(): number
}

const LATENCY_MS = 300

/**
 * When all prices move. Each holds for 54 s or longer, so that a job misses none that asks every 36 s: both sides deliver
 * the same, although one of them is up to 30 s behind.
 */
const MOVES_MS = [54_000, 114_000]

/**
 * As many quotes as, one commit each, take the 0.138 s that the published run of 0.438 s leaves beside the call, where a
 * commit takes 0.66 ms.
 */
const MATCHES = 10
const BOOKMAKERS = ['Northbay', 'Kantor', 'Helvetic', 'Meridian', 'Sakura', 'Pampa', 'Baltica']
const OUTCOMES = ['home', 'draw', 'away']

/** How many quotes every answer has. */
export const QUOTES = MATCHES * BOOKMAKERS.length * OUTCOMES.length

export async function startOddsUpstream(scale: number): Promise<OddsUpstream> {
  const startedAt = performance.now()
  const clock = () => (performance.now() - startedAt) * scale
  let calls = 0
  let sparedMs = 0
  const server = createServer(async (request, response) => {
    if (request.method !== 'GET' || request.url !== '/odds') {
      response.writeHead(404).end()
      return
    }
    calls += 1
    sparedMs += LATENCY_MS - LATENCY_MS / scale
    await sleep(LATENCY_MS / scale)
    response.setHeader('content-type', 'application/json').end(JSON.stringify(oddsAt(clock())))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    clock,
    calls: () => calls,
    sparedMs: () => sparedMs,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

/** What the API says at `at` of its own milliseconds: the same for whoever asks. */
export function oddsAt(at: number): Odds {
  const moves = MOVES_MS.filter((move) => move <= at)
  const since = moves.at(-1) ?? 0
  const quotes = Array.from({ length: QUOTES }, (_, n) => ({
    match: `match-${n % MATCHES}`,
    bookmaker: BOOKMAKERS[Math.floor(n / MATCHES) % BOOKMAKERS.length] as string,
    outcome: OUTCOMES[Math.floor(n / MATCHES / BOOKMAKERS.length)] as string,
    price: (120 + ((n * 37 + moves.length * 11) % 400)) / 100,
    since,
  }))
  return { asOf: at, quotes }
}
