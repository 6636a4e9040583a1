// A number of calls that a host grants per period, such as 1,000 a day: counted here, so that the last of them is not
// found out from a refusal. Periods follow each other from the first call on.

export type QuotaOptions = { calls: number; perMs: number }

export type Quota = {
  /** Takes one call, or says in how many milliseconds there are new ones. */
  take(): { taken: true } | { taken: false; renewsInMs: number }
  remaining(): number
}

/** `now` is a monotonic clock in milliseconds. */
export function createQuota({ calls, perMs }: QuotaOptions, now: () => number): Quota {
  let begunAt: number | null = null
  let used = 0

  function renew(): void {
    const at = now()
    begunAt ??= at
    const periods = Math.floor((at - begunAt) / perMs)
    if (periods < 1) return
    begunAt += periods * perMs
    used = 0
  }

  return {
    take() {
      renew()
      if (used >= calls) return { taken: false, renewsInMs: (begunAt as number) + perMs - now() }
      used += 1
      return { taken: true }
    },
    remaining() {
      if (begunAt !== null) renew()
      return calls - used
    },
  }
}
