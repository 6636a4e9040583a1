// One real answer for each route that tells what was next to a cycle. A test stores what is behind them and compares.

import type { LogsAnswer, MetricsAnswer } from './schemas.ts'

export const LOGS_EXAMPLE: LogsAnswer = {
  items: [
    {
      time: '2026-11-01T08:00:00.000Z',
      atMs: 0.25,
      related: 'trace',
      severity: 'INFO',
      event: 'cycle.started',
      body: '',
      spanId: '00f067aa0ba902b7',
      service: 'lcw-fetcher',
      attributes: { 'cycle.name': 'coin-fetcher', 'cycle.trigger': 'schedule' },
    },
    {
      time: '2026-11-01T08:00:09.500Z',
      atMs: 9500,
      related: 'time',
      severity: 'WARN',
      event: '',
      body: 'the garbage collector paused for 210 ms',
      spanId: '',
      service: 'lcw-fetcher',
      attributes: {},
    },
    {
      time: '2026-11-01T08:00:16.830Z',
      atMs: 16830,
      related: 'trace',
      severity: 'INFO',
      event: '',
      body: 'stored 250 coins',
      spanId: '00f067aa0ba902b7',
      service: 'lcw-fetcher',
      attributes: { coins: '250' },
    },
  ],
  cursor: null,
  truncated: false,
}

export const METRICS_EXAMPLE: MetricsAnswer = {
  items: [
    {
      kind: 'histogram',
      name: 'http.client.request.duration',
      unit: 's',
      attributes: { 'server.address': 'api.example' },
      points: 2,
      during: true,
      count: 4,
      sum: 15.5,
    },
    {
      kind: 'sum',
      name: 'process.cpu.time',
      unit: 's',
      attributes: { 'cpu.mode': 'user' },
      points: 2,
      during: true,
      min: 41.5,
      mean: 42.75,
      max: 44,
      last: 44,
      increase: 2.5,
    },
    {
      kind: 'gauge',
      name: 'process.memory.usage',
      unit: 'By',
      attributes: {},
      points: 2,
      during: true,
      min: 120000000,
      mean: 126000000,
      max: 132000000,
      last: 132000000,
      increase: null,
    },
  ],
  cursor: null,
  truncated: false,
}
