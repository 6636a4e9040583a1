// What a job imports from `cyclewatch/collector`.

export { type CycleOptions, cycle, type Run, type Trigger } from './cycles.ts'
export type { NetworkError } from './network-errors.ts'
export type { FetchBody, FetchOptions } from './requests.ts'
export type { FetchResult } from './responses.ts'
export type { TelemetryOptions, Trouble } from './settings.ts'
export type { Step, StepOptions, WaitReason } from './steps.ts'
export { startTelemetry, type Telemetry } from './telemetry.ts'
