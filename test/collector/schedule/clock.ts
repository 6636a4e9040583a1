// Time as a test wants it: a wall clock that can be set, and timers that count what passes.

import type { Outside } from '#collector/schedule/alarm.ts'

type Timer = { at: number; ring: () => void }

export type Clock = Outside & {
  /** Time passes; timers ring when they are due. */
  pass(ms: number): Promise<void>
  /** The wall clock is set forwards or backwards, or the machine was suspended: no timer notices. */
  set(ms: number): void
  /** Time passes while the event loop is blocked: timers ring late. */
  block(ms: number): void
  /** Resolves after so long, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** How much time has passed, whatever the wall clock says. */
  passed(): number
  timers(): number
}

export function fakeClock(startAt: number, random: () => number = () => 0): Clock {
  let passed = 0
  let offset = startAt
  const timers = new Set<Timer>()
  const setTimer = (ring: () => void, ms: number) => {
    const timer = { at: passed + ms, ring }
    timers.add(timer)
    return () => void timers.delete(timer)
  }
  return {
    now: () => offset + passed,
    setTimer,
    random,
    async pass(ms) {
      const until = passed + ms
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)
        if (!next) break
        timers.delete(next)
        passed = Math.max(passed, next.at)
        next.ring()
        await settled()
      }
      passed = Math.max(passed, until)
    },
    set(ms) {
      offset += ms
    },
    block(ms) {
      passed += ms
    },
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        const cancel = setTimer(resolve, ms)
        const abort = () => {
          cancel()
          reject(signal?.reason)
        }
        if (signal?.aborted) abort()
        else signal?.addEventListener('abort', abort, { once: true })
      })
    },
    passed: () => passed,
    timers: () => timers.size,
  }
}

/** Everything that promises have to do is done. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
