// Buffers to be used again: the page faults of a fresh one cost as much CPU as everything else about reading a body.

export const SMALLEST = 2 ** 16
/** Also of what is copied in one go: the page faults of 4 MiB take a few milliseconds. */
export const LARGEST = 2 ** 22

export type Buffers = {
  /** A buffer of at least this length; what is in it is left over from before. */
  take(length: number): Buffer
  /** Takes back what nobody reads any more. */
  give(buffer: Buffer): void
}

/** Keeps up to `maxBytes` of buffers that are not in use. */
export function buffers(maxBytes: number): Buffers {
  const idle = new Map<number, Buffer[]>()
  let idleBytes = 0

  return {
    take(length) {
      const size = sizeFor(length)
      const known = idle.get(size)?.pop()
      if (known) idleBytes -= size
      return known ?? Buffer.allocUnsafeSlow(size)
    },
    give(buffer) {
      const size = buffer.length
      if (size > LARGEST || idleBytes + size > maxBytes) return
      idleBytes += size
      const known = idle.get(size)
      if (known) known.push(buffer)
      else idle.set(size, [buffer])
    },
  }
}

/** Powers of two, so that buffers fit again. */
function sizeFor(length: number): number {
  if (length > LARGEST) return length
  return Math.max(SMALLEST, 2 ** Math.ceil(Math.log2(length)))
}
