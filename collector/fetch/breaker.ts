// A circuit breaker for one host: after so many failures in a row it lets nobody pass for a while, then a single probe,
// whose answer decides. (M. Nygard, Release It!; cockatiel keeps the state.)

import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhenResult,
} from 'cockatiel'

/** Opens after `failures` in a row, for `openMs`. */
export type BreakerOptions = { failures: number; openMs: number }

export type Breaker = {
  /** Milliseconds until the next probe may pass; 0 when anybody may. While a probe is on its way nobody else passes. */
  closedForMs(): number
  /** Runs `attempt`, whose result says whether the host failed; 'open' when it may not be run now. */
  pass<Result>(attempt: () => Promise<Result>, isFailure: (result: Result) => boolean): Promise<Result | 'open'>
  state(): 'closed' | 'open' | 'half_open'
}

/** How soon to look again whether a probe is back. */
const PROBING_MS = 50

type Circuit = { options: BreakerOptions; now: () => number; policy: CircuitBreakerPolicy; openedAt: number }

/** `now` is a monotonic clock in milliseconds. */
export function createBreaker(options: BreakerOptions, now: () => number): Breaker {
  const circuit: Circuit = { options, now, openedAt: 0, policy: build(options, undefined) }
  watch(circuit)
  return {
    closedForMs: () => closedForMs(circuit),
    pass: (attempt, isFailure) => pass(circuit, attempt, isFailure),
    state: () => STATES[circuit.policy.state],
  }
}

function build({ openMs, failures }: BreakerOptions, initialState: unknown): CircuitBreakerPolicy {
  return circuitBreaker(
    handleWhenResult((result) => (result as Judged<unknown>).failed),
    { halfOpenAfter: openMs, breaker: new ConsecutiveBreaker(failures), initialState },
  )
}

function watch(circuit: Circuit): void {
  circuit.policy.onBreak(() => {
    circuit.openedAt = circuit.now()
  })
}

function closedForMs({ options, now, policy, openedAt }: Circuit): number {
  if (policy.state === CircuitState.Closed) return 0
  if (policy.state === CircuitState.HalfOpen) return PROBING_MS
  return Math.max(0, openedAt + options.openMs - now())
}

async function pass<Result>(
  circuit: Circuit,
  attempt: () => Promise<Result>,
  isFailure: (result: Result) => boolean,
): Promise<Result | 'open'> {
  if (closedForMs(circuit) > 0) return 'open'
  if (circuit.policy.state === CircuitState.Open) letProbePass(circuit)
  try {
    const judged = await circuit.policy.execute(async (): Promise<Judged<Result>> => {
      const result = await attempt()
      return { result, failed: isFailure(result) }
    })
    return judged.result
  } catch (error) {
    if (error instanceof BrokenCircuitError) return 'open'
    throw error
  }
}

/** cockatiel asks the wall clock, which somebody may have set back. */
function letProbePass(circuit: Circuit): void {
  const { ownState, ...rest } = circuit.policy.toJSON() as { ownState: object }
  circuit.policy = build(circuit.options, { ...rest, ownState: { ...ownState, openedAt: 0 } })
  watch(circuit)
}

type Judged<Result> = { result: Result; failed: boolean }

const STATES = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half_open',
  [CircuitState.Isolated]: 'open',
} as const
