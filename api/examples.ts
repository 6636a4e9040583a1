// One real answer per route for the OpenAPI document. A test sends the trace behind them and compares.

import type { CycleAnswer, HistoryAnswer, StatsAnswer, WaterfallAnswer } from './schemas.ts'

const CYCLE: CycleAnswer = {
  cycle: 'coin-fetcher',
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  startedAt: '2026-11-01T08:00:00.000Z',
  endedAt: '2026-11-01T08:00:16.840Z',
  durationMs: 16840,
  bucket: 'fast',
  outcome: 'ok',
  service: 'lcw-fetcher',
  version: '1.4.0',
  message: '',
  attributes: {
    'cycle.name': 'coin-fetcher',
    'cycle.outcome': 'ok',
    'cycle.calls': '1',
    'cycle.items': '250',
  },
}

const RUNNING: CycleAnswer = {
  cycle: 'coin-fetcher',
  traceId: '7bd2a91f0c4e4d1f8a35c9e7d2b60f14',
  startedAt: '2026-11-01T08:59:48.000Z',
  endedAt: null,
  durationMs: 12000,
  bucket: null,
  outcome: 'running',
  service: 'lcw-fetcher',
  version: '1.4.0',
  message: '',
  attributes: { 'cycle.name': 'coin-fetcher', 'cycle.trigger': 'schedule' },
}

export const CYCLES_EXAMPLE: HistoryAnswer = { items: [RUNNING, CYCLE], cursor: null }

export const STATS_EXAMPLE: StatsAnswer = {
  items: [
    {
      cycle: 'coin-fetcher',
      group: null,
      windows: [
        {
          from: '2026-10-31T09:00:00.000Z',
          to: '2026-11-01T09:00:00.000Z',
          count: 1,
          p50Ms: 16840,
          p95Ms: 16840,
          p99Ms: 16840,
          meanMs: 16840,
          minMs: 16840,
          maxMs: 16840,
          buckets: {
            fast: {
              count: 1,
              share: 1,
            },
            normal: {
              count: 0,
              share: 0,
            },
            slow: {
              count: 0,
              share: 0,
            },
            very_slow: {
              count: 0,
              share: 0,
            },
          },
          outcomes: {
            ok: {
              count: 1,
              share: 1,
            },
            partial: {
              count: 0,
              share: 0,
            },
            failed: {
              count: 0,
              share: 0,
            },
            timeout: {
              count: 0,
              share: 0,
            },
          },
        },
      ],
    },
  ],
  cursor: null,
}

export const WATERFALL_EXAMPLE: WaterfallAnswer = {
  cycle: CYCLE,
  spans: [
    {
      spanId: '00f067aa0ba902b7',
      depth: 0,
      parent: 'none',
      name: 'coin-fetcher',
      kind: 'internal',
      service: 'lcw-fetcher',
      startMs: 0,
      durationMs: 16840,
      status: 'Unset',
      message: '',
      attributes: {
        'cycle.name': 'coin-fetcher',
        'cycle.outcome': 'ok',
        'cycle.calls': '1',
        'cycle.items': '250',
      },
      events: [],
    },
    {
      spanId: 'b7ad6b7169203331',
      depth: 1,
      parent: 'present',
      name: 'GET /coins',
      kind: 'fetch',
      service: 'lcw-fetcher',
      startMs: 12,
      durationMs: 16188,
      status: 'Unset',
      message: '',
      attributes: {
        'cycle.name': 'coin-fetcher',
        'step.kind': 'fetch',
        'http.request.method': 'GET',
        'server.address': 'api.example',
        'http.response.status_code': '200',
      },
      events: [],
    },
    {
      spanId: 'b7ad6b7169203332',
      depth: 1,
      parent: 'present',
      name: 'write coins',
      kind: 'db',
      service: 'lcw-fetcher',
      startMs: 16210,
      durationMs: 620,
      status: 'Unset',
      message: '',
      attributes: {
        'cycle.name': 'coin-fetcher',
        'step.kind': 'db',
        'db.system.name': 'sqlite',
      },
      events: [],
    },
  ],
}
