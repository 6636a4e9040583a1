// Places for so many at once; who comes when all are taken waits in the order of coming.

export type Slots = {
  /** Takes a place if one is free. */
  tryEnter(): boolean
  /** Resolves with a place taken. */
  enter(): Promise<void>
  /** Gives a place back, to who waits longest. */
  leave(): void
}

export function openSlots(count: number): Slots {
  let free = count
  const waiting: (() => void)[] = []
  const tryEnter = () => {
    if (free === 0) return false
    free -= 1
    return true
  }
  return {
    tryEnter,
    async enter() {
      if (!tryEnter()) await new Promise<void>((resolve) => waiting.push(resolve))
    },
    leave() {
      const next = waiting.shift()
      if (next) next()
      else free += 1
    },
  }
}
