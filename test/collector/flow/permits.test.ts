import { getEventListeners } from 'node:events'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isQueueFull, type Permits, permits, type Release } from '#collector/flow/permits.ts'
import { BadInput, Unavailable } from '#model/errors.ts'

/** What a promise has come to by now. */
async function settled<T>(promise: Promise<T>): Promise<T | 'waiting'> {
  const later = new Promise<'waiting'>((resolve) => setImmediate(resolve, 'waiting'))
  return Promise.race([promise, later])
}

test('gives out as many as the limit, and the next as one comes back', async () => {
  const pool = permits({ limit: 2 })
  const [first] = [await pool.acquire(), await pool.acquire()]
  const third = pool.acquire()
  expect(await settled(third)).toBe('waiting')
  expect(pool).toMatchObject({ limit: 2, inFlight: 2, queued: 1 })
  first()
  await third
  expect(pool).toMatchObject({ inFlight: 2, queued: 0 })
})

test('serves in the order of asking', async () => {
  const pool = permits({ limit: 1 })
  const served: number[] = []
  const held = await pool.acquire()
  const all = [1, 2, 3].map(async (who) => {
    const release = await pool.acquire()
    served.push(who)
    release()
  })
  held()
  await Promise.all(all)
  expect(served).toEqual([1, 2, 3])
})

test('counts a permit that is given back twice once', async () => {
  const pool = permits({ limit: 1 })
  const release = await pool.acquire()
  release()
  await pool.acquire()
  release()
  expect(pool.inFlight).toBe(1)
  expect(pool.tryAcquire()).toBeUndefined()
})

test('refuses at once when as many wait as may', async () => {
  const pool = permits({ limit: 1, maxQueued: 1, what: 'requests to api.example.org' })
  await pool.acquire()
  const waiting = pool.acquire()
  const refused = await pool.acquire().catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(Unavailable)
  expect(isQueueFull(refused)).toBe(true)
  expect(refused).toMatchObject({
    code: 'too_many',
    what: 'requests to api.example.org',
    limit: 1,
    maxQueued: 1,
    message: '1 wait for requests to api.example.org already, and no more may (maxQueued); the limit is 1',
  })
  expect(isQueueFull(new Unavailable('ingest is full', { code: 'too_many' }))).toBe(false)
  expect(await settled(waiting)).toBe('waiting')
})

test('lets nobody wait when maxQueued is 0', async () => {
  const pool = permits({ limit: 1, maxQueued: 0 })
  const release = await pool.acquire()
  await expect(pool.acquire()).rejects.toSatisfy(isQueueFull)
  release()
  await pool.acquire()
})

test('rejects with the reason of the signal, before and while waiting, and keeps the place of nobody', async () => {
  const pool = permits({ limit: 1, maxQueued: 1 })
  const release = await pool.acquire()
  const reason = new Error('the budget is spent')
  await expect(pool.acquire(AbortSignal.abort(reason))).rejects.toBe(reason)
  const controller = new AbortController()
  const waiting = pool.acquire(controller.signal)
  controller.abort(reason)
  await expect(waiting).rejects.toBe(reason)
  expect(pool.queued).toBe(0)
  const next = pool.acquire()
  release()
  expect(await settled(next)).not.toBe('waiting')
})

test('leaves no listener on a signal, whether served or aborted', async () => {
  const pool = permits({ limit: 1 })
  const controller = new AbortController()
  for (let round = 0; round < 50; round += 1) {
    const release = await pool.acquire(controller.signal)
    const waiting = pool.acquire(controller.signal)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1)
    release()
    ;(await waiting)()
  }
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  await pool.acquire()
  const waiting = pool.acquire(controller.signal)
  controller.abort()
  await waiting.catch(() => {})
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
})

test('serves those who wait when the limit is raised, and takes nothing away when it is lowered', async () => {
  const pool = permits({ limit: 1 })
  const releases = [await pool.acquire()]
  const waiting = [pool.acquire(), pool.acquire(), pool.acquire()]
  pool.setLimit(3)
  for (const each of waiting.slice(0, 2)) releases.push(await each)
  expect(pool).toMatchObject({ inFlight: 3, queued: 1 })
  pool.setLimit(1)
  expect(pool).toMatchObject({ limit: 1, inFlight: 3 })
  for (const release of releases.slice(0, 2)) release()
  expect(pool).toMatchObject({ inFlight: 1, queued: 1 })
  releases[2]?.()
  await waiting[2]
  expect(pool).toMatchObject({ inFlight: 1, queued: 0 })
})

const wrong: [options: Parameters<typeof permits>[0], said: string][] = [
  [{ limit: 0 }, 'the limit of permits is 0; it must be a whole number from 1, or Infinity'],
  [{ limit: 1.5, what: 'calls' }, 'the limit of calls is 1.5; it must be a whole number from 1, or Infinity'],
  [{ limit: 1, maxQueued: -1 }, 'maxQueued of permits is -1; it must be a whole number from 0, or Infinity'],
]
for (const [options, said] of wrong) {
  test(`refuses ${JSON.stringify(options)}`, () => expect(() => permits(options)).toThrow(new BadInput(said)))
}

type Act = { act: 'ask' | 'abort' | 'give back' | 'limit'; which: number }

test('is never above its limit, loses nobody and keeps the order, whatever happens in between', async () => {
  const acts = fc.array(
    fc.record({
      act: fc.constantFrom<Act['act'][]>('ask', 'ask', 'ask', 'give back', 'give back', 'abort', 'limit'),
      which: fc.nat(20),
    }),
    { maxLength: 60 },
  )
  await fc.assert(fc.asyncProperty(acts, fc.nat(5), async (plan, maxQueued) => follow(plan, maxQueued)))
})

async function follow(plan: Act[], maxQueued: number): Promise<void> {
  const pool: Permits = permits({ limit: 2, maxQueued })
  const held: Release[] = []
  const served: number[] = []
  const waiting = new Map<number, AbortController>()
  let asked = 0
  /** What may be out: more than the limit only as far as it was lowered since. */
  let allowed = 2
  const acting: Record<Act['act'], (which: number) => void> = {
    ask() {
      const who = asked++
      const controller = new AbortController()
      waiting.set(who, controller)
      pool.acquire(controller.signal).then(
        (release) => {
          waiting.delete(who)
          served.push(who)
          held.push(release)
        },
        () => waiting.delete(who),
      )
    },
    abort: (which) => [...waiting.values()][which % Math.max(1, waiting.size)]?.abort(),
    'give back': (which) => held.splice(which % Math.max(1, held.length), 1)[0]?.(),
    limit: (which) => pool.setLimit(1 + (which % 6)),
  }
  for (const { act, which } of plan) {
    const before = pool.inFlight
    acting[act](which)
    allowed = Math.max(pool.limit, Math.min(allowed, before))
    expect(pool.inFlight).toBeLessThanOrEqual(allowed)
    expect(pool.queued).toBeLessThanOrEqual(maxQueued)
    if (pool.queued > 0) expect(pool.inFlight).toBeGreaterThanOrEqual(pool.limit)
    await new Promise(setImmediate)
    expect(held).toHaveLength(pool.inFlight)
    expect(waiting.size).toBe(pool.queued)
  }
  expect(served).toEqual(served.toSorted((a, b) => a - b))
  while (held.length > 0) {
    held.pop()?.()
    await new Promise(setImmediate)
  }
  expect(pool).toMatchObject({ inFlight: 0, queued: 0 })
}
