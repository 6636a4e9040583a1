import type { LiveState } from '#cli/live.ts'

export const NOW = Date.UTC(2026, 10, 1, 8)

/** What the demo shows before its first cycle has ended. */
export const QUIET: LiveState = {
  now: NOW,
  windowMs: 900_000,
  scale: 100,
  window: null,
  latest: [],
  apiUrl: 'http://127.0.0.1:4380',
  ingestUrl: 'http://127.0.0.1:4318',
}
