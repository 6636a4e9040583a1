// What an attempt waits for before it is sent, each wait a step: its place in the map it belongs to, and its host.

import { context } from '@opentelemetry/api'
import type { Host } from '#collector/fetch/hosts.ts'
import type { Asked } from '#collector/fetch/requests.ts'
import type { Sample } from '#collector/flow/adaptive.ts'
import { perHostIn } from '#collector/flow/map.ts'
import type { Ongoing } from '#collector/ongoing.ts'
import { stepIn } from '#collector/steps.ts'

/** To be given back when the attempt has ended; `sample` is what that says about how much the host can bear. */
export type Turn = { end(sample?: Pick<Sample, 'rttMs' | 'outcome'>): void }

/** Rejects with the signal's reason, and with Unavailable when too many wait for the host already. */
export async function takeTurn(ongoing: Ongoing, { url, signal }: Asked, { flow }: Host): Promise<Turn> {
  const wait = <T>(reason: 'queue' | 'rate_limit', waiting: () => Promise<T>): Promise<T> =>
    stepIn<T>(ongoing, reason, 'wait', waiting, { reason })
  const places = perHostIn(context.active())?.(url.host)
  const release = places && (places.tryAcquire() ?? (await wait('queue', () => places.acquire(signal))))
  try {
    const entered = await flow.enter({ signal, onWait: wait })
    return {
      end(sample) {
        entered.leave(sample)
        release?.()
      },
    }
  } catch (error) {
    release?.()
    throw error
  }
}
