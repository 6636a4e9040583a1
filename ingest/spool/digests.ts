// Which bodies have been accepted lately, so that a client's retry after a lost answer is not stored twice.

/** More than 1,700 requests a second for ten minutes; the oldest are forgotten first. */
const MOST_REMEMBERED = 2 ** 20

export type Digests = {
  /** Null: never seen. A promise: being written at this moment, by another request with the same body. */
  find(digest: Buffer): Promise<void> | 'known' | null
  /** Remembers a body while it is written, and for as long as nobody forgets it when that succeeds. */
  add(digest: Buffer, written: Promise<void>): void
  addKnown(digest: Buffer): void
  forget(digest: Buffer): void
}

export function rememberDigests(): Digests {
  const seen = new Map<string, Promise<void> | 'known'>()
  const key = (digest: Buffer) => digest.toString('latin1')
  const keep = (digest: Buffer, state: Promise<void> | 'known') => {
    seen.set(key(digest), state)
    if (seen.size > MOST_REMEMBERED) seen.delete(seen.keys().next().value as string)
  }

  return {
    find: (digest) => seen.get(key(digest)) ?? null,
    add(digest, written) {
      keep(digest, written)
      written.then(
        () => {
          if (seen.has(key(digest))) seen.set(key(digest), 'known')
        },
        () => seen.delete(key(digest)),
      )
    },
    addKnown: (digest) => keep(digest, 'known'),
    forget: (digest) => seen.delete(key(digest)),
  }
}
