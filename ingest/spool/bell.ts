/** Wakes those who wait for work: rings are not counted, and one that nobody heard is kept for the next who waits. */
export type Bell = { ring(): void; wait(ms: number): Promise<void> }

export function createBell(): Bell {
  let rung = false
  let waiting: (() => void)[] = []
  return {
    ring() {
      rung = waiting.length === 0
      for (const wake of waiting.splice(0)) wake()
    },
    wait(ms) {
      if (rung) {
        rung = false
        return Promise.resolve()
      }
      return new Promise((resolve) => {
        const wake = () => {
          clearTimeout(timer)
          resolve()
        }
        const timer = setTimeout(
          () => {
            waiting = waiting.filter((other) => other !== wake)
            resolve()
          },
          Math.min(ms, LONGEST_MS),
        )
        waiting.push(wake)
      })
    },
  }
}

/** Nobody sleeps for good. */
const LONGEST_MS = 60_000
