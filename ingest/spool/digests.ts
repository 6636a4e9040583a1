// Which bodies have been accepted lately, so that a client's retry after a lost answer is not stored twice.

/** Longer than senders keep trying. */
export const KEPT_MS = 600_000

/** Of one signal and encoding: 870 requests a second for ten minutes. The oldest are forgotten first. */
const MOST_REMEMBERED = 2 ** 19

export type Digests = {
  /** Null: not seen lately. A promise: being written at this moment, by another request with the same body. */
  find(digest: Buffer): Promise<void> | 'known' | null
  /** Remembers a body while it is written, and for ten minutes when that succeeds. */
  add(digest: Buffer, written: Promise<void>): void
  /** Remembers a body that is on disk. */
  addKnown(digest: Buffer): void
  forget(digest: Buffer): void
}

/** `until` is epoch milliseconds. */
type Seen = { state: Promise<void> | 'known'; until: number }

export function rememberDigests(now: () => number): Digests {
  // In the order they came, which is the order in which they are forgotten.
  const seen = new Map<string, Seen>()
  const key = (digest: Buffer) => digest.toString('latin1')

  function keep(digest: Buffer, state: Seen['state']): Seen {
    const one: Seen = { state, until: now() + KEPT_MS }
    seen.set(key(digest), one)
    for (const [oldest, { until }] of seen) {
      if (until > now() && seen.size <= MOST_REMEMBERED) break
      seen.delete(oldest)
    }
    return one
  }

  return {
    find(digest) {
      const one = seen.get(key(digest))
      return one === undefined || one.until <= now() ? null : one.state
    },
    add(digest, written) {
      const one = keep(digest, written)
      written.then(
        () => {
          one.state = 'known'
        },
        () => seen.delete(key(digest)),
      )
    },
    addKnown: (digest) => void keep(digest, 'known'),
    forget: (digest) => void seen.delete(key(digest)),
  }
}
