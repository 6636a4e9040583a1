// What startTelemetry was told, joined with OTEL_* variables. Pure: the environment is an argument.

import type { Registry } from 'prom-client'
import type { Environment } from '#collector/telemetry/environment.ts'
import { isHeader, type Report, resolveTargets, type Signal, type Target } from '#collector/telemetry/targets.ts'
import { BadInput, type Problem } from '#model/errors.ts'

export type TelemetryOptions = {
  /** The `service.name` under which the job is known. */
  service: string
  /**
   * Base URL of Cyclewatch's ingest, or of any OTLP/HTTP receiver; `/v1/traces`, `/v1/logs` and `/v1/metrics` are appended.
   * Default: http://127.0.0.1:4318.
   */
  endpoint?: string | undefined
  version?: string | undefined
  /** The commit the job was built from. */
  revision?: string | undefined
  environment?: string | undefined
  /** Sent with every export, such as `{ authorization: 'Bearer …' }`. */
  headers?: Record<string, string> | undefined
  /** How long one export may take. Default: 10 s. */
  timeoutMs?: number | undefined
  /** More attributes of the resource, such as `vcs.ref.head.name`. */
  attributes?: Record<string, string | number | boolean> | undefined
  /** Also puts the metrics that are sent into this registry of prom-client, by Prometheus' way of naming. */
  metrics?: { registry: Registry } | undefined
  /**
   * Shows on stderr what `run.progress` tells. `true`: a live view on a terminal, else a line a second at most for each
   * cycle; `'auto'`: the live view, and nothing where there is no terminal. Default: false.
   */
  progress?: boolean | 'auto' | undefined
  /** Told at most once a minute that something could not be delivered. Nothing is printed without it. */
  onError?: ((trouble: Trouble) => void) | undefined
}

/** What went wrong since the last report: failed exports, and spans and log records given up. */
export type Trouble = { message: string; failedExports: number; lostSpans: number; lostLogs: number }

export type Settings = {
  /** Null for what is turned off. */
  targets: Record<Signal, Target | null>
  metricsEveryMs: number
  resource: Record<string, string | number | boolean>
  registry: Registry | undefined
  progress: boolean | 'auto'
  onError: (trouble: Trouble) => void
}

const DEFAULT_TIMEOUT_MS = 10_000
const METRICS_EVERY_MS = 10_000
const TEXTS = ['endpoint', 'version', 'revision', 'environment'] as const
const KNOWN = new Set<string>([
  ...TEXTS,
  ...['service', 'headers', 'timeoutMs', 'attributes', 'metrics', 'progress', 'onError'],
])

/** Throws BadInput with every problem found. */
export function resolveSettings(options: TelemetryOptions, env: Environment, hostName: string): Settings {
  const problems: Problem[] = []
  const problem = (path: string, message: string) => problems.push({ path, message })
  if (typeof options !== 'object' || options === null) {
    throw badOptions([{ path: 'options', message: "must be given, as in { service: 'prices' }" }])
  }
  checkShapes(options, problem)
  const service = options.service ?? env.OTEL_SERVICE_NAME
  if (typeof service !== 'string' || service.trim() === '') problem('service', 'must be a text that is not empty')
  const timeoutMs = options.timeoutMs ?? positive(env.OTEL_EXPORTER_OTLP_TIMEOUT) ?? DEFAULT_TIMEOUT_MS
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0 && timeoutMs < 2 ** 31)) {
    problem('timeoutMs', 'must be a number of milliseconds above 0')
  }
  const { endpoint, headers } = options
  const targets = resolveTargets({ endpoint, headers, timeoutMs }, env, problem)
  if (problems.length > 0) throw badOptions(problems)
  return {
    targets,
    metricsEveryMs: Math.min(positive(env.OTEL_METRIC_EXPORT_INTERVAL) ?? METRICS_EVERY_MS, 2 ** 31 - 1),
    resource: {
      ...options.attributes,
      'host.name': hostName,
      'service.name': service as string,
      ...(options.version ? { 'service.version': options.version } : {}),
      ...(options.revision ? { 'vcs.ref.head.revision': options.revision } : {}),
      ...(options.environment ? { 'deployment.environment.name': options.environment } : {}),
    },
    registry: options.metrics?.registry,
    progress: options.progress ?? false,
    onError: options.onError ?? (() => {}),
  }
}

function checkShapes(options: TelemetryOptions, problem: Report): void {
  for (const key of Object.keys(options)) {
    if (!KNOWN.has(key)) problem(key, `is unknown; known are ${[...KNOWN].join(', ')}`)
  }
  for (const key of TEXTS) {
    if (options[key] !== undefined && typeof options[key] !== 'string') problem(key, 'must be a text')
  }
  if (options.onError !== undefined && typeof options.onError !== 'function') problem('onError', 'must be a function')
  if (![undefined, true, false, 'auto'].includes(options.progress)) {
    problem('progress', `is '${options.progress}'; allowed are true, false and 'auto'`)
  }
  if (options.metrics !== undefined && !isRegistry((options.metrics as { registry?: unknown } | null)?.registry)) {
    problem('metrics.registry', 'must be a Registry of prom-client')
  }
  for (const [name, value] of entriesOf(options.headers, 'headers', problem)) {
    if (!isHeader(name, value)) problem(`headers.${name}`, 'must be a header name with a text as its value')
  }
  for (const [key, value] of entriesOf(options.attributes, 'attributes', problem)) {
    if (!['string', 'number', 'boolean'].includes(typeof value)) {
      problem(`attributes.${key}`, 'must be a text, a number or a boolean')
    }
  }
}

/** By what is used of it: the job may bring its own copy of prom-client. */
export function isRegistry(registry: unknown): registry is Registry {
  const { registerMetric, metrics } = (registry ?? {}) as Partial<Record<string, unknown>>
  return typeof registerMetric === 'function' && typeof metrics === 'function'
}

function entriesOf(record: unknown, path: string, problem: Report): [string, unknown][] {
  if (record === undefined) return []
  if (typeof record === 'object' && record !== null && !Array.isArray(record)) return Object.entries(record)
  problem(path, 'must be an object of names and values')
  return []
}

function positive(text: string | undefined): number | undefined {
  const value = Number(text)
  return text !== undefined && value > 0 ? value : undefined
}

function badOptions(problems: Problem[]): BadInput {
  const lines = problems.map(({ path, message }) => `${path} ${message}`)
  return new BadInput(`startTelemetry cannot start: ${lines.join('; ')}`, { problems })
}
