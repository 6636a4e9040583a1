import { expect, test } from 'vitest'
import { resolveSettings, type TelemetryOptions } from '#collector/telemetry/settings.ts'

type Env = Record<string, string>

const tracesTo = (options: TelemetryOptions, env: Env) => resolveSettings(options, env, 'h').targets.traces

const urls: [what: string, options: Partial<TelemetryOptions>, env: Env, url: string][] = [
  ['sends to loopback by default', {}, {}, 'http://127.0.0.1:4318/v1/traces'],
  ['appends the path to a base URL', { endpoint: 'http://h:1' }, {}, 'http://h:1/v1/traces'],
  ['keeps the path of a base URL', { endpoint: 'https://h/otlp/' }, {}, 'https://h/otlp/v1/traces'],
  ['appends the path once only', { endpoint: 'http://h:1/v1/traces' }, {}, 'http://h:1/v1/traces'],
  ['takes the base URL of the environment', {}, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://e:1' }, 'http://e:1/v1/traces'],
  [
    'takes the whole URL of the environment',
    {},
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://e:1/t' },
    'http://e:1/t',
  ],
  [
    'prefers the option over the environment',
    { endpoint: 'http://h:1' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://e:1', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://e:1/t' },
    'http://h:1/v1/traces',
  ],
  ['takes an empty variable for none', {}, { OTEL_EXPORTER_OTLP_ENDPOINT: '' }, 'http://127.0.0.1:4318/v1/traces'],
]

for (const [what, options, env, url] of urls) {
  test(what, () => expect(tracesTo({ service: 's', ...options }, env)?.url).toBe(url))
}

const others: [
  what: string,
  options: Partial<TelemetryOptions>,
  env: Env,
  logs: string | null,
  metrics: string | null,
][] = [
  ['to the same base', { endpoint: 'https://h/otlp/' }, {}, 'https://h/otlp/v1/logs', 'https://h/otlp/v1/metrics'],
  [
    'beside a URL of traces that tells the base',
    {},
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://e:1/otlp/v1/traces' },
    'http://e:1/otlp/v1/logs',
    'http://e:1/otlp/v1/metrics',
  ],
  [
    'to loopback when only an odd URL of traces is known',
    {},
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://e:1/t' },
    'http://127.0.0.1:4318/v1/logs',
    'http://127.0.0.1:4318/v1/metrics',
  ],
  [
    'to URLs of their own',
    {},
    { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://l:1/x', OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://m:1/y' },
    'http://l:1/x',
    'http://m:1/y',
  ],
  ['nowhere when they are turned off', {}, { OTEL_LOGS_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' }, null, null],
]

for (const [what, options, env, logs, metrics] of others) {
  test(`sends log records and metrics ${what}`, () => {
    const { targets } = resolveSettings({ service: 's', ...options }, env, 'h')
    expect([targets.logs?.url ?? null, targets.metrics?.url ?? null]).toEqual([logs, metrics])
  })
}

test('takes headers and protocol of each kind from the environment', () => {
  const env = {
    OTEL_EXPORTER_OTLP_HEADERS: 'a=1',
    OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'a=2',
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/protobuf',
  }
  const { traces, logs, metrics } = resolveSettings({ service: 's' }, env, 'h').targets
  expect([traces, logs, metrics].map((target) => target?.headers.a)).toEqual(['1', '2', '1'])
  expect([traces, logs, metrics].map((target) => target?.protocol)).toEqual(['http/json', 'http/json', 'http/protobuf'])
})

test('sends metrics every ten seconds, or as the environment says', () => {
  expect(resolveSettings({ service: 's' }, {}, 'h').metricsEveryMs).toBe(10_000)
  expect(resolveSettings({ service: 's' }, { OTEL_METRIC_EXPORT_INTERVAL: '60000' }, 'h').metricsEveryMs).toBe(60_000)
  expect(resolveSettings({ service: 's' }, { OTEL_METRIC_EXPORT_INTERVAL: 'often' }, 'h').metricsEveryMs).toBe(10_000)
})

test('describes the job by the names of the semantic conventions', () => {
  const options = { service: 'prices', version: '1.4.0', revision: 'ab12cd', environment: 'production' }
  expect(resolveSettings({ ...options, attributes: { 'vcs.ref.head.name': 'main' } }, {}, 'box').resource).toEqual({
    'service.name': 'prices',
    'service.version': '1.4.0',
    'vcs.ref.head.revision': 'ab12cd',
    'deployment.environment.name': 'production',
    'vcs.ref.head.name': 'main',
    'host.name': 'box',
  })
})

test('switches to protobuf when the environment says so', () => {
  expect(tracesTo({ service: 's' }, {})?.protocol).toBe('http/json')
  expect(tracesTo({ service: 's' }, { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' })?.protocol).toBe('http/protobuf')
})

test('joins headers of the environment with those of the options', () => {
  const env = {
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20env, x-a = 1,broken,=2',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-a=2',
  }
  expect(tracesTo({ service: 's' }, env)?.headers).toEqual({ authorization: 'Bearer env', 'x-a': '2' })
  expect(tracesTo({ service: 's', headers: { 'x-a': '3' } }, env)?.headers['x-a']).toBe('3')
})

const problems: [what: string, options: unknown, env: Env, problem: RegExp][] = [
  ['no options', undefined, {}, /options must be given/],
  ['no service', {}, {}, /service must be a text that is not empty/],
  ['an empty service', { service: ' ' }, {}, /service must be/],
  [
    'a URL that is none',
    { service: 's', endpoint: 'localhost:4318' },
    {},
    /endpoint is 'localhost:4318'; it must be a URL/,
  ],
  [
    'a URL that is none in the environment',
    { service: 's' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'x' },
    /OTEL_EXPORTER_OTLP_ENDPOINT is 'x'/,
  ],
  ['a misspelt option', { service: 's', endpiont: 'x' }, {}, /endpiont is unknown; known are endpoint/],
  ['no time at all', { service: 's', timeoutMs: 0 }, {}, /timeoutMs must be/],
  ['a header that breaks the line', { service: 's', headers: { a: 'b\nc' } }, {}, /headers\.a must be/],
  ['headers that are a list', { service: 's', headers: [] }, {}, /headers must be an object/],
  ['an attribute that is an object', { service: 's', attributes: { a: {} } }, {}, /attributes\.a must be/],
  [
    'a way to show progress that is none',
    { service: 's', progress: 'bar' },
    {},
    /progress is 'bar'; allowed are true, false/,
  ],
  ['metrics without a registry', { service: 's', metrics: {} }, {}, /metrics\.registry must be a Registry/],
  [
    'a URL of metrics that is none',
    { service: 's' },
    { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'x' },
    /OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is 'x'/,
  ],
  [
    'a protocol of logs nobody speaks here',
    { service: 's' },
    { OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'grpc' },
    /^startTelemetry cannot start: OTEL_EXPORTER_OTLP_LOGS_PROTOCOL is 'grpc'; allowed are http\/json and http\/protobuf$/,
  ],
  [
    'a protocol nobody speaks here',
    { service: 's' },
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    /is 'grpc'; allowed are http\/json and http\/protobuf/,
  ],
]

for (const [what, options, env, problem] of problems) {
  test(`refuses ${what}`, () => expect(() => resolveSettings(options as TelemetryOptions, env, 'h')).toThrow(problem))
}

test('tells every problem at once', () => {
  const wrong = { endpoint: 'nowhere', version: 3, timeoutMs: -1 } as unknown as TelemetryOptions
  expect(() => resolveSettings(wrong, {}, 'h')).toThrow(/version .*service .*timeoutMs .*endpoint /)
})
