import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Entered, type FlowWait, hostFlow } from '#collector/flow/hosts.ts'
import { isQueueFull } from '#collector/flow/permits.ts'
import { BadInput } from '#model/errors.ts'

const ok = (rttMs: number) => ({ rttMs, outcome: 'ok' as const })

/** Moves only by waiting for the rate, or by hand. */
function clock() {
  const time = {
    at: 0,
    now: () => time.at,
    async sleep(ms: number, signal: AbortSignal | undefined) {
      await new Promise(setImmediate)
      signal?.throwIfAborted()
      time.at += ms
    },
  }
  return time
}

/** Notes what was waited for. */
function hook() {
  const reasons: FlowWait[] = []
  async function onWait<T>(reason: FlowWait, wait: () => Promise<T>): Promise<T> {
    reasons.push(reason)
    return wait()
  }
  return { reasons, onWait }
}

test('lets through without a wait where there are no limits', async () => {
  const flow = hostFlow({})
  const { reasons, onWait } = hook()
  const entered = await flow.enter({ onWait })
  expect(flow.state()).toEqual({ limit: Number.POSITIVE_INFINITY, inFlight: 1, queued: 0 })
  expect(entered.waitedMs).toEqual({ queue: 0, rate_limit: 0 })
  entered.leave()
  expect(flow.state().inFlight).toBe(0)
  expect(reasons).toEqual([])
})

test('waits in the queue for a place, and says how long', async () => {
  const time = clock()
  const flow = hostFlow({ concurrency: 1 }, time)
  const { reasons, onWait } = hook()
  const first = await flow.enter({ onWait })
  const second = flow.enter({ onWait })
  await new Promise(setImmediate)
  expect(flow.state()).toEqual({ limit: 1, inFlight: 1, queued: 1 })
  time.at = 40
  first.leave()
  first.leave()
  expect((await second).waitedMs).toEqual({ queue: 40, rate_limit: 0 })
  expect(flow.state()).toEqual({ limit: 1, inFlight: 1, queued: 0 })
  expect(reasons).toEqual(['queue'])
})

test('waits for its turn by the rate, after its place', async () => {
  const time = clock()
  const flow = hostFlow({ concurrency: 1, rate: { calls: 1, perMs: 1_000 } }, time)
  const { reasons, onWait } = hook()
  const first = await flow.enter({ onWait })
  const second = flow.enter({ onWait })
  time.at = 300
  first.leave()
  expect((await second).waitedMs).toEqual({ queue: 300, rate_limit: 700 })
  expect(reasons).toEqual(['queue', 'rate_limit'])
})

test('keeps no place and no turn of who aborts', async () => {
  const flow = hostFlow({ concurrency: 1, rate: { calls: 1, perMs: 3_600_000 } })
  const reason = new Error('the budget is spent')
  const first = await flow.enter()
  const controllers = [new AbortController(), new AbortController()]
  const waiting = controllers.map(({ signal }) => flow.enter({ signal }).catch((error: unknown) => error))
  first.leave()
  await new Promise(setImmediate)
  expect(flow.state()).toEqual({ limit: 1, inFlight: 0, queued: 2 })
  for (const controller of controllers) controller.abort(reason)
  expect(await Promise.all(waiting)).toEqual([reason, reason])
  expect(flow.state()).toEqual({ limit: 1, inFlight: 0, queued: 0 })
  await expect(flow.enter({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})

test('refuses at once when as many wait as may', async () => {
  const flow = hostFlow({ concurrency: 1, maxQueued: 1, what: 'requests to api.example.org' })
  const first = await flow.enter()
  const second = flow.enter()
  await expect(flow.enter()).rejects.toSatisfy(isQueueFull)
  first.leave()
  await second
})

test('loses no place when what is around a wait fails, before or after the wait', async () => {
  const flow = hostFlow({ concurrency: 1 })
  const fault = new Error('the step could not be made')
  const first = await flow.enter()
  const failing = [
    flow.enter({ onWait: () => Promise.reject(fault) }),
    flow.enter({ onWait: (_, wait) => wait().then(() => Promise.reject(fault)) }),
    flow.enter({
      onWait: (_, wait) => {
        void wait()
        return Promise.reject(fault)
      },
    }),
  ].map((each) => each.catch((error: unknown) => error))
  await new Promise(setImmediate)
  first.leave()
  expect(await Promise.all(failing)).toEqual([fault, fault, fault])
  await flow.enter()
  expect(flow.state()).toEqual({ limit: 1, inFlight: 1, queued: 0 })
})

test('learns from answers how much the host takes, and lets that many through', async () => {
  const flow = hostFlow({ concurrency: { min: 1, max: 20, initial: 2 } })
  /** Keeps the host busy for a while; it answers as quickly however many ask. */
  async function busy(answers: number, sample: Parameters<Entered['leave']>[0]) {
    const inside: Entered[] = []
    for (let count = 0; count < answers; count += 1) {
      while (inside.length < flow.state().limit) inside.push(await flow.enter())
      inside.shift()?.leave(sample)
    }
    for (const entered of inside) entered.leave()
  }
  await busy(300, ok(100))
  expect(flow.state().limit).toBe(20)
  await busy(300, { rttMs: 5_000, outcome: 'dropped' })
  expect(flow.state()).toEqual({ limit: 1, inFlight: 0, queued: 0 })
})

test('learns nothing from requests that left without a sample, nor while the limit is not used', async () => {
  const flow = hostFlow({ concurrency: 'adaptive' })
  expect(flow.state().limit).toBe(4)
  for (let count = 0; count < 200; count += 1) (await flow.enter()).leave()
  expect(flow.state().limit).toBe(4)
  for (let count = 0; count < 200; count += 1) (await flow.enter()).leave(ok(100))
  expect(flow.state().limit).toBeLessThanOrEqual(4)
})

test('counts as used what was sent, not what waits for its turn by the rate', async () => {
  const time = clock()
  const flow = hostFlow({ concurrency: 'adaptive', rate: { calls: 1, perMs: 100 } }, time)
  await Promise.all(
    Array.from({ length: 200 }, async () => {
      const entered = await flow.enter()
      entered.leave(ok(50))
    }),
  )
  expect(flow.state().limit).toBeLessThanOrEqual(4)
})

test('never lets more in than the limit, whoever aborts', async () => {
  const requests = fc.array(fc.record({ holds: fc.nat(4), aborts: fc.option(fc.nat(4)) }), { maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(requests, fc.integer({ min: 1, max: 4 }), async (plan, concurrency) => {
      const flow = hostFlow({ concurrency })
      let inside = 0
      await Promise.all(
        plan.map(async ({ holds, aborts }) => {
          const controller = new AbortController()
          if (aborts !== null) void ticks(aborts).then(() => controller.abort())
          const entered = await flow.enter({ signal: controller.signal }).catch(() => undefined)
          if (!entered) return
          inside += 1
          expect(inside).toBeLessThanOrEqual(concurrency)
          await ticks(holds)
          inside -= 1
          entered.leave()
        }),
      )
      expect(flow.state()).toEqual({ limit: concurrency, inFlight: 0, queued: 0 })
    }),
  )
})

async function ticks(count: number): Promise<void> {
  for (let tick = 0; tick < count; tick += 1) await new Promise(setImmediate)
}

test('refuses a concurrency that is none', () => {
  expect(() => hostFlow({ concurrency: 'fast' as 'adaptive' })).toThrow(
    new BadInput("concurrency is 'fast'; allowed are a whole number from 1, adaptive, or { min, max, initial }"),
  )
  expect(() => hostFlow({ concurrency: 0 })).toThrow(BadInput)
  expect(() => hostFlow({ concurrency: { min: 5, max: 2 } })).toThrow(BadInput)
  expect(() => hostFlow({ rate: { calls: 0, perMs: 1 } })).toThrow(BadInput)
})
