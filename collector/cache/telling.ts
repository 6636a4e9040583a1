// What a step of kind `cache` tells about a look-up.

import type { Step } from '#collector/steps.ts'

/**
 * What was found: `stale` is served while it is renewed or because fetching failed, `revalidated` because the server said
 * that it is still good, `joined` is what another caller was fetching already. The last two are not served.
 */
export type LookUp =
  | { state: 'fresh' | 'stale' | 'revalidated' | 'joined'; ageMs: number; bytes: number }
  | { state: 'expired'; ageMs: number }
  | { state: 'absent' }

export function tellLookUp(step: Step, lookUp: LookUp, failedRenewal?: string): void {
  step.set('cache.state', lookUp.state)
  step.set('cache.renewal.error', failedRenewal)
  if (lookUp.state !== 'absent') step.set('cache.age_ms', Math.round(lookUp.ageMs))
  if (lookUp.state === 'absent' || lookUp.state === 'expired') {
    step.miss()
    return
  }
  step.set('cache.bytes', lookUp.bytes)
  step.hit()
}
