// What startTelemetry was told, joined with OTEL_* variables. Pure: the environment is an argument.

import { BadInput, type Problem } from '#model/errors.ts'
import type { Environment } from './environment.ts'
import { redact } from './redact.ts'

export type TelemetryOptions = {
  /** The `service.name` under which the job is known. */
  service: string
  /** Base URL of Cyclewatch's ingest, or of any OTLP/HTTP receiver; `/v1/traces` is appended. Default: http://127.0.0.1:4318. */
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
  /** Told at most once a minute that spans could not be delivered. Nothing is printed without it. */
  onError?: ((trouble: Trouble) => void) | undefined
}

/** What went wrong since the last report: failed exports, and spans given up. */
export type Trouble = { message: string; failedExports: number; lostSpans: number }

export type Protocol = 'http/json' | 'http/protobuf'

export type Settings = {
  tracesUrl: string
  protocol: Protocol
  headers: Record<string, string>
  timeoutMs: number
  resource: Record<string, string | number | boolean>
  onError: (trouble: Trouble) => void
}

const DEFAULT_ENDPOINT = 'http://127.0.0.1:4318'
const DEFAULT_TIMEOUT_MS = 10_000
const TEXTS = ['endpoint', 'version', 'revision', 'environment'] as const
const KNOWN = new Set<string>([...TEXTS, 'service', 'headers', 'timeoutMs', 'attributes', 'onError'])

/**
 * Options win over OTEL_EXPORTER_OTLP_TRACES_ENDPOINT (a whole URL), that over OTEL_EXPORTER_OTLP_ENDPOINT (a base URL).
 * Throws BadInput with every problem found.
 */
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
  const tracesUrl = resolveUrl(options, env, problem)
  const protocol = resolveProtocol(env, problem)
  if (problems.length > 0) throw badOptions(problems)
  return {
    tracesUrl,
    protocol,
    headers: {
      ...headersOf(env.OTEL_EXPORTER_OTLP_HEADERS),
      ...headersOf(env.OTEL_EXPORTER_OTLP_TRACES_HEADERS),
      ...options.headers,
    },
    timeoutMs,
    resource: {
      ...options.attributes,
      'host.name': hostName,
      'service.name': service as string,
      ...(options.version ? { 'service.version': options.version } : {}),
      ...(options.revision ? { 'vcs.ref.head.revision': options.revision } : {}),
      ...(options.environment ? { 'deployment.environment.name': options.environment } : {}),
    },
    onError: options.onError ?? (() => {}),
  }
}

type Report = (path: string, message: string) => void

function checkShapes(options: TelemetryOptions, problem: Report): void {
  for (const key of Object.keys(options)) {
    if (!KNOWN.has(key)) problem(key, `is unknown; known are ${[...KNOWN].join(', ')}`)
  }
  for (const key of TEXTS) {
    if (options[key] !== undefined && typeof options[key] !== 'string') problem(key, 'must be a text')
  }
  if (options.onError !== undefined && typeof options.onError !== 'function') problem('onError', 'must be a function')
  for (const [name, value] of entriesOf(options.headers, 'headers', problem)) {
    if (!isHeader(name, value)) problem(`headers.${name}`, 'must be a header name with a text as its value')
  }
  for (const [key, value] of entriesOf(options.attributes, 'attributes', problem)) {
    if (!['string', 'number', 'boolean'].includes(typeof value)) {
      problem(`attributes.${key}`, 'must be a text, a number or a boolean')
    }
  }
}

function entriesOf(record: unknown, path: string, problem: Report): [string, unknown][] {
  if (record === undefined) return []
  if (typeof record === 'object' && record !== null && !Array.isArray(record)) return Object.entries(record)
  problem(path, 'must be an object of names and values')
  return []
}

function isHeader(name: string, value: unknown): boolean {
  if (typeof value !== 'string') return false
  try {
    new Headers([[name, value]])
    return true
  } catch {
    return false
  }
}

function resolveUrl({ endpoint }: TelemetryOptions, env: Environment, problem: Report): string {
  const whole = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
  if (endpoint === undefined && whole) return parseUrl(whole, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', problem)?.href ?? ''
  const variable = env.OTEL_EXPORTER_OTLP_ENDPOINT
  const from = endpoint === undefined && variable ? 'OTEL_EXPORTER_OTLP_ENDPOINT' : 'endpoint'
  const url = parseUrl(endpoint ?? (variable || DEFAULT_ENDPOINT), from, problem)
  if (!url) return ''
  const path = url.pathname.replace(/\/+$/, '')
  url.pathname = path.endsWith('/v1/traces') ? path : `${path}/v1/traces`
  return url.href
}

function parseUrl(text: unknown, path: string, problem: Report): URL | undefined {
  const url = typeof text === 'string' ? URL.parse(text) : null
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return url
  problem(path, `is '${redact(String(text))}'; it must be a URL such as ${DEFAULT_ENDPOINT}`)
  return undefined
}

function resolveProtocol(env: Environment, problem: Report): Protocol {
  const path = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL
    ? 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'
    : 'OTEL_EXPORTER_OTLP_PROTOCOL'
  const protocol = env[path]?.trim() || 'http/json'
  if (protocol !== 'http/json' && protocol !== 'http/protobuf') {
    problem(path, `is '${protocol}'; allowed are http/json and http/protobuf`)
    return 'http/json'
  }
  return protocol
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

function positive(text: string | undefined): number | undefined {
  const value = Number(text)
  return text !== undefined && value > 0 ? value : undefined
}

function badOptions(problems: Problem[]): BadInput {
  const lines = problems.map(({ path, message }) => `${path} ${message}`)
  return new BadInput(`startTelemetry cannot start: ${lines.join('; ')}`, { problems })
}
