// Where each kind of telemetry goes, and how. Pure: the environment is an argument.

import { redact } from '#collector/redact.ts'
import type { Environment } from '#collector/telemetry/environment.ts'

export const SIGNALS = ['traces', 'logs', 'metrics'] as const
export type Signal = (typeof SIGNALS)[number]

export type Protocol = 'http/json' | 'http/protobuf'

export type Target = { url: string; protocol: Protocol; headers: Record<string, string>; timeoutMs: number }

/** What startTelemetry was told about it. */
export type Told = { endpoint?: string | undefined; headers?: Record<string, string> | undefined; timeoutMs: number }

/** Called with what is wrong and where. */
export type Report = (path: string, message: string) => void

export const DEFAULT_ENDPOINT = 'http://127.0.0.1:4318'

const LETTERS = { traces: 'TRACES', logs: 'LOGS', metrics: 'METRICS' } as const

/**
 * Options win over OTEL_EXPORTER_OTLP_TRACES_ENDPOINT (a whole URL), that over OTEL_EXPORTER_OTLP_ENDPOINT (a base URL);
 * likewise for logs and metrics, which OTEL_LOGS_EXPORTER=none and OTEL_METRICS_EXPORTER=none turn off: null.
 */
export function resolveTargets(told: Told, env: Environment, problem: Report): Record<Signal, Target | null> {
  const target = (signal: Signal): Target => ({
    url: resolveUrl(signal, told.endpoint, env, problem),
    protocol: resolveProtocol(signal, env, problem),
    headers: {
      ...headersOf(env.OTEL_EXPORTER_OTLP_HEADERS),
      ...headersOf(env[`OTEL_EXPORTER_OTLP_${LETTERS[signal]}_HEADERS`]),
      ...told.headers,
    },
    timeoutMs: told.timeoutMs,
  })
  return {
    traces: target('traces'),
    logs: env.OTEL_LOGS_EXPORTER?.trim() === 'none' ? null : target('logs'),
    metrics: env.OTEL_METRICS_EXPORTER?.trim() === 'none' ? null : target('metrics'),
  }
}

export function isHeader(name: string, value: unknown): boolean {
  if (typeof value !== 'string') return false
  try {
    new Headers([[name, value]])
    return true
  } catch {
    return false
  }
}

function resolveUrl(signal: Signal, endpoint: string | undefined, env: Environment, problem: Report): string {
  const wholeName = `OTEL_EXPORTER_OTLP_${LETTERS[signal]}_ENDPOINT` as const
  const whole = env[wholeName]
  if (endpoint === undefined && whole) return parseUrl(whole, wholeName, problem)?.href ?? ''
  const { text, from } = baseOf(endpoint, env)
  // Said once is enough.
  const url = parseUrl(text, from, signal === 'traces' ? problem : () => {})
  if (!url) return ''
  const path = url.pathname.replace(/\/+$/, '').replace(/\/v1\/(traces|logs|metrics)$/, '')
  url.pathname = `${path}/v1/${signal}`
  return url.href
}

/** Who names only the address of traces means the same receiver for the rest, when that address tells its base. */
function baseOf(endpoint: string | undefined, env: Environment): { text: unknown; from: string } {
  if (endpoint !== undefined) return { text: endpoint, from: 'endpoint' }
  const base = env.OTEL_EXPORTER_OTLP_ENDPOINT
  if (base) return { text: base, from: 'OTEL_EXPORTER_OTLP_ENDPOINT' }
  const traces = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
  if (traces && URL.parse(traces)?.pathname.endsWith('/v1/traces')) {
    return { text: traces, from: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT' }
  }
  return { text: DEFAULT_ENDPOINT, from: 'endpoint' }
}

function parseUrl(text: unknown, path: string, problem: Report): URL | undefined {
  const url = typeof text === 'string' ? URL.parse(text) : null
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url
  problem(path, `is '${redact(String(text))}'; it must be a URL such as ${DEFAULT_ENDPOINT}`)
  return undefined
}

function resolveProtocol(signal: Signal, env: Environment, problem: Report): Protocol {
  const own = `OTEL_EXPORTER_OTLP_${LETTERS[signal]}_PROTOCOL` as const
  const path = env[own] ? own : 'OTEL_EXPORTER_OTLP_PROTOCOL'
  const protocol = env[path]?.trim() || 'http/json'
  if (protocol === 'http/json' || protocol === 'http/protobuf') return protocol
  if (path === own || signal === 'traces') {
    problem(path, `is '${protocol}'; allowed are http/json and http/protobuf`)
  }
  return 'http/json'
}

/** `name=value,name=value`, percent-encoded as in W3C baggage; what is no header is left out, as the SDK leaves it out. */
function headersOf(text: string | undefined): Record<string, string> {
  const pairs = (text ?? '')
    .split(',')
    .filter((pair) => pair.includes('='))
    .map((pair) => {
      const [name = '', ...value] = pair.split('=')
      return [decoded(name.trim()), decoded(value.join('=').trim())] as const
    })
  return Object.fromEntries(pairs.filter(([name, value]) => isHeader(name, value)))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
