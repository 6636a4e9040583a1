/** What OTLP carries, each to an address of its own: `/v1/traces`, `/v1/metrics`, `/v1/logs`. */
export const SIGNALS = ['traces', 'metrics', 'logs'] as const
export type Signal = (typeof SIGNALS)[number]

/** How a request's body is written. */
export const ENCODINGS = ['protobuf', 'json'] as const
export type Encoding = (typeof ENCODINGS)[number]
