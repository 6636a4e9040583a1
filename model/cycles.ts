// The words for a cycle, its steps and how it ended.

export const OUTCOMES = ['ok', 'partial', 'failed', 'timeout'] as const
export type Outcome = (typeof OUTCOMES)[number]

/** What a history shows: a cycle has no outcome while it runs, which is until its root span arrives. */
export const STATES = ['running', ...OUTCOMES] as const
export type State = (typeof STATES)[number]

export const STEP_KINDS = ['fetch', 'db', 'cache', 'wait', 'compute'] as const
export type StepKind = (typeof STEP_KINDS)[number]

/** Which traces of foreign telemetry are cycles: those whose root span has this name in this service. */
export type Match = { service: string; span: string }
