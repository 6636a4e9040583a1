import { expect, test } from 'vitest'
import { type LiveState, renderLine, renderLive } from '#cli/live.ts'
import { NOW, QUIET } from '#test/cli/live-state.ts'

const BUSY: LiveState = {
  ...QUIET,
  window: {
    from: NOW - 900_000,
    to: NOW,
    count: 1_000,
    p50Ms: 168,
    p95Ms: 342,
    p99Ms: 786,
    meanMs: 199,
    minMs: 140,
    maxMs: 1_722,
    buckets: {
      fast: { count: 763, share: 0.763 },
      normal: { count: 166, share: 0.166 },
      slow: { count: 70, share: 0.07 },
      very_slow: { count: 1, share: 0.001 },
    },
    outcomes: {
      ok: { count: 999, share: 0.999 },
      partial: { count: 0, share: 0 },
      failed: { count: 1, share: 0.001 },
      timeout: { count: 0, share: 0 },
    },
  },
  latest: [
    {
      cycle: 'coin-fetcher',
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      startedAt: NOW - 1_168,
      endedAt: NOW - 1_000,
      durationMs: 168,
      bucket: 'fast',
      outcome: 'ok',
      service: 'lcw-fetcher',
      version: '1.0.0',
      message: '',
      attributes: {},
    },
  ],
}

test('shows percentiles, buckets, the latest cycles and where to look next', () => {
  expect(renderLive(BUSY, { colour: false, width: 120 })).toMatchInlineSnapshot(`
    "Cyclewatch demo  a coin fetcher and its API, 100 times faster than the original
    the last 15 min, as it is stored in ClickHouse

    cycles 1,000   p50 168 ms   p95 342 ms   p99 786 ms   max 1.72 s   ok 99.9%

    fast       ███████████████████████████████·········   76.3%     763
    normal     ███████·································   16.6%     166
    slow       ███·····································   7.00%      70
    very slow  █·······································   0.10%       1

    ended                 cycle         duration  bucket  outcome
    2026-11-01T07:59:59Z  coin-fetcher    168 ms  fast    ok

    open  http://127.0.0.1:4380
    send  OTLP traces to http://127.0.0.1:4318/v1/traces
    try   ./cyclewatch stats
          ./cyclewatch cycles --sort slowest
          ./cyclewatch cycle 4bf92f3577b34da6a3ce929d0e0e4736
    Ctrl-C stops all of it; the data stays"
  `)
})

test('says that it waits while no cycle has ended, and still names the address', () => {
  const text = renderLive(QUIET, { colour: false, width: 120 })
  expect(text).toContain('waiting for the first cycle to end')
  expect(text).toContain('http://127.0.0.1:4380')
})

test.each([
  { state: QUIET, line: '2026-11-01T08:00:00Z  waiting for the first cycle to end' },
  {
    state: BUSY,
    line: '2026-11-01T08:00:00Z  1,000 cycles  p50 168 ms, p95 342 ms, p99 786 ms  fast 76.3%, normal 16.6%, slow 7.00%, very slow 0.10%',
  },
])('says the same in one line where nothing can be redrawn: $line', ({ state, line }) => {
  expect(renderLine(state)).toBe(line)
})
