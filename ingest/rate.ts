// Bytes per second and sender, so that one noisy sender does not starve the rest.
//
// A bucket that holds one second's bytes and may go into debt, kept as one number: the time at which all that was sent
// is paid for (the generic cell rate algorithm, ITU-T I.371). Who is not in debt may send a body of any size, so that
// none is unsendable; it is charged when its size is known, and then the debt has to be paid off.

import { Unavailable } from '#model/errors.ts'
import { formatSize } from '#model/sizes.ts'

const BURST_MS = 1_000

/** How long a sender whose bytes are paid for at `paidAt` is still in debt; 0 is not at all. All in milliseconds. */
export function debtMs(paidAt: number, now: number): number {
  return Math.max(0, paidAt - now - BURST_MS)
}

/** When everything is paid for after `bytes` more. */
export function charged(paidAt: number, now: number, bytes: number, bytesPerSecond: number): number {
  return Math.max(paidAt, now) + (bytes / bytesPerSecond) * 1_000
}

/** Whole seconds to be told to a sender: exporters give up after about ten, so never long. */
export function retryAfterSeconds(ms: number): number {
  return Math.min(3, Math.max(1, Math.ceil(ms / 1_000)))
}

/** `now` is milliseconds of a clock that never goes back. */
export type RateLimit = {
  /** Throws Unavailable `too_many` while the sender is in debt. Ask before reading the body. */
  check(sender: string, now: number): void
  charge(sender: string, bytes: number, now: number): void
}

const FEW_SENDERS = 1_000

/** One bucket for each sender; null is no limit. */
export function rateLimit(bytesPerSecond: number | null): RateLimit {
  if (bytesPerSecond === null) return { check: () => {}, charge: () => {} }
  const paid = new Map<string, number>()
  let crowd = FEW_SENDERS

  /** Who has paid everything is as good as unknown. */
  function forget(now: number): void {
    for (const [sender, paidAt] of paid) if (paidAt <= now) paid.delete(sender)
    crowd = Math.max(FEW_SENDERS, 2 * paid.size)
  }

  return {
    check(sender, now) {
      const debt = debtMs(paid.get(sender) ?? now, now)
      if (debt > 0) throw tooMany(bytesPerSecond, debt)
    },
    charge(sender, bytes, now) {
      if (paid.size >= crowd) forget(now)
      paid.set(sender, charged(paid.get(sender) ?? now, now, bytes, bytesPerSecond))
    },
  }
}

function tooMany(bytesPerSecond: number, debt: number): Unavailable {
  return new Unavailable(`more than ${formatSize(bytesPerSecond)} a second were sent (ingest.bytesPerSecond)`, {
    code: 'too_many',
    retryAfterSeconds: retryAfterSeconds(debt),
  })
}
