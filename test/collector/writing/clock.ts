// A clock for tests that goes only when told to, and lets what is asynchronous catch up at each moment.

import type { Clock } from '#collector/writing/batcher-options.ts'

export type TestClock = Clock & { advance(ms: number): Promise<void> }

export function testClock(): TestClock {
  let now = 0
  let timers: { at: number; fn: () => void }[] = []
  const caughtUp = async () => {
    for (let turn = 0; turn < 30; turn += 1) await null
  }
  return {
    now: () => now,
    after(ms, fn) {
      const timer = { at: now + Math.max(0, ms), fn }
      timers.push(timer)
      return () => {
        timers = timers.filter((other) => other !== timer)
      }
    },
    async advance(ms) {
      const end = now + ms
      await caughtUp()
      for (;;) {
        const [next] = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
        if (!next) break
        timers = timers.filter((other) => other !== next)
        now = Math.max(now, next.at)
        next.fn()
        await caughtUp()
      }
      now = end
    },
  }
}
