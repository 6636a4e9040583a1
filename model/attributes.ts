// The names of our own telemetry attributes, as the collector writes them and the views in storage/ read them.
// Everything else follows OpenTelemetry's semantic conventions.

export const CYCLE = {
  name: 'cycle.name',
  outcome: 'cycle.outcome',
  partialReason: 'cycle.partial.reason',
  items: 'cycle.items',
  itemsExpected: 'cycle.items.expected',
  itemsFailed: 'cycle.items.failed',
  trigger: 'cycle.trigger',
  cost: 'cycle.cost',
  calls: 'cycle.calls',
  retries: 'cycle.retries',
  queries: 'cycle.queries',
  dbMs: 'cycle.db_ms',
  waitMs: 'cycle.wait_ms',
  cacheHits: 'cycle.cache.hits',
  cacheMisses: 'cycle.cache.misses',
  bytesReceived: 'cycle.bytes.received',
  bytesSent: 'cycle.bytes.sent',
  concurrencyMean: 'cycle.concurrency.mean',
  cpuMs: 'cycle.cpu_ms',
  memoryPeakBytes: 'cycle.memory.peak_bytes',
} as const

export const STEP = { kind: 'step.kind', waitReason: 'wait.reason' } as const

export const PHASES = ['queue', 'dns', 'connect', 'tls', 'ttfb', 'download'] as const
export type Phase = (typeof PHASES)[number]

/** The attribute that holds how long a fetch attempt spent in one phase, e.g. `http.phase.ttfb_ms`. */
export function phaseAttribute(phase: Phase): `http.phase.${Phase}_ms` {
  return `http.phase.${phase}_ms`
}

// Short words for what people filter and group by most.
const KEYS: Record<string, string> = {
  service: 'service.name',
  version: 'service.version',
  environment: 'deployment.environment.name',
  host: 'host.name',
  revision: 'vcs.ref.head.revision',
  branch: 'vcs.ref.head.name',
}

/** The attribute a person means: `version` is `service.version`; what is no short word is an attribute already. */
export function attributeKey(word: string): string {
  return Object.hasOwn(KEYS, word) ? (KEYS[word] as string) : word
}
