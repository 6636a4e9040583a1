import { getEventListeners } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startTelemetry, type Telemetry } from '#collector/collector.ts'
import type { ScheduleOptions } from '#collector/schedule/options.ts'
import { schedule } from '#collector/schedule/schedule.ts'
import { type Receiver, startReceiver } from '#test/collector/receiver.ts'
import { fakeClock, settled } from '#test/collector/schedule/clock.ts'

const START = Date.parse('2026-03-01T00:00:00Z')
const MINUTE = 60_000

let receiver: Receiver
let telemetry: Telemetry

beforeAll(async () => {
  receiver = await startReceiver()
  telemetry = startTelemetry({ service: 'prices', endpoint: receiver.url })
})
beforeEach(() => {
  receiver.spans.length = 0
})
afterAll(async () => {
  await telemetry.shutdown()
  await receiver.close()
})

test('tells of each run when it was due, how late it began and what did not run before it', async () => {
  const clock = fakeClock(START, () => 0.25)
  const lasts = [130_000, 1_000, 1_000]
  const options: ScheduleOptions = { every: '1m', jitter: '8s' }
  const handle = schedule('coins', options, () => clock.sleep(lasts.shift() ?? 0), clock)
  await clock.pass(4.5 * MINUTE)
  clock.set(10 * MINUTE)
  await clock.pass(MINUTE)
  await handle.stop()
  await telemetry.flush()
  const told = receiver
    .named('coins')
    .map(({ attributes }) =>
      Object.fromEntries(Object.entries(attributes).filter(([key]) => key.startsWith('cycle.schedule.'))),
    )
  const runs = [
    // From 1:02 to 3:12, so that those of 2:00 and 3:00 are skipped.
    { due: '2026-03-01T00:01:00.000Z', delay_ms: 0, jitter_ms: 2_000, skipped: 0, missed: 0 },
    { due: '2026-03-01T00:04:00.000Z', delay_ms: 0, jitter_ms: 2_000, skipped: 2, missed: 0 },
    // Asleep from 4:30 to 14:30, which is noticed at 14:32, the next time it looks.
    { due: '2026-03-01T00:14:00.000Z', delay_ms: 32_000, skipped: 0, missed: 9 },
    { due: '2026-03-01T00:15:00.000Z', delay_ms: 0, jitter_ms: 2_000, skipped: 0, missed: 0 },
  ]
  const prefixed = (run: object) =>
    Object.fromEntries(Object.entries(run).map(([key, value]) => [`cycle.schedule.${key}`, value]))
  expect(told).toEqual(runs.map(prefixed))
  expect(receiver.named('coins')[0]?.attributes['cycle.trigger']).toBe('schedule')
})

test('marks runs that are caught up with', async () => {
  const clock = fakeClock(START)
  const lastDue = new Date(START - 2 * MINUTE)
  const handle = schedule('coins', { every: '1m', missed: 'catch_up', lastDue }, () => {}, clock)
  await clock.pass(1)
  await handle.stop()
  await telemetry.flush()
  const key = 'cycle.schedule.caught_up'
  expect(receiver.named('coins').map(({ attributes }) => attributes[key])).toEqual([true, undefined])
})

test('records a run cut off by the next one as a timeout', async () => {
  const clock = fakeClock(START)
  const options: ScheduleOptions = { every: '1m', overlap: 'cancel' }
  const handle = schedule('coins', options, (run) => clock.sleep(90_000, run.signal), clock)
  await clock.pass(2.5 * MINUTE)
  await handle.stop({ withinMs: 0 })
  await telemetry.flush()
  expect(receiver.named('coins').map(({ attributes }) => attributes['cycle.outcome'])).toEqual(['timeout', 'failed'])
})

const listeners: [what: string, listener: () => unknown][] = [
  ['hears of it', () => {}],
  [
    'throws',
    () => {
      throw new Error('of the listener')
    },
  ],
  ['rejects', () => Promise.reject(new Error('of the listener'))],
  ['never ends', () => new Promise(() => {})],
]

for (const [what, listener] of listeners) {
  test(`goes on after a failed run when onError ${what}`, async () => {
    const clock = fakeClock(START)
    const heard: unknown[] = []
    const onError: ScheduleOptions['onError'] = (error, failed) => {
      heard.push(error, failed)
      return listener()
    }
    let runs = 0
    const failing = () => {
      runs += 1
      if (runs < 3) throw new Error(`run ${runs}`)
    }
    await using _ = schedule('coins', { every: '1m', onError }, failing, clock)
    await clock.pass(3 * MINUTE)
    const failed = (minute: number) => ({ name: 'coins', due: new Date(START + minute * MINUTE) })
    expect(heard).toEqual([new Error('run 1'), failed(1), new Error('run 2'), failed(2)])
    expect(runs).toBe(3)
  })
}

test('starts at once only once, however often it looks at the clock until the next run', async () => {
  const clock = fakeClock(START + 7_000)
  const dues: Date[] = []
  const options: ScheduleOptions = { every: '1h', immediately: true }
  const handle = schedule('coins', options, (_, { due }) => void dues.push(due), clock)
  await clock.pass(5 * MINUTE)
  expect(dues).toEqual([new Date(START + 7_000)])
  await handle.stop()
})

test('refuses a name that is none and what cannot be run', () => {
  expect(() => schedule('', { every: 1 }, () => {})).toThrow('the name of a schedule must not be empty')
  expect(() => schedule('coins', { every: 1 }, 5 as never)).toThrow("schedule 'coins' needs a function to run")
})

test('says what is next and what runs, and nothing once it has stopped', async () => {
  const clock = fakeClock(START + 1)
  const handle = schedule('coins', { every: '1m', jitter: '10s' }, () => clock.sleep(5_000), clock)
  expect(handle.next()).toEqual(new Date(START + MINUTE))
  await clock.pass(MINUTE)
  expect([handle.running, handle.next()]).toEqual([1, new Date(START + 2 * MINUTE)])
  await clock.pass(5_000)
  expect(handle.running).toBe(0)
  expect(await handle.stop()).toBe('finished')
  expect(handle.next()).toBeNull()
  await handle.ended
  expect(clock.timers()).toBe(0)
})

const ends: [how: string, lasts: number, isDeaf: boolean][] = [
  ['finished', 3_000, false],
  ['aborted', 30_000, false],
  ['abandoned', 30_000, true],
]

for (const [how, lasts, isDeaf] of ends) {
  test(`says when it has ${how}, and leaves no timer`, async () => {
    const clock = fakeClock(START)
    const handle = schedule(
      'coins',
      { every: '1m' },
      (run) => clock.sleep(lasts, isDeaf ? undefined : run.signal),
      clock,
    )
    await clock.pass(MINUTE)
    const stopped = handle.stop({ withinMs: 5_000 })
    await clock.pass(10_000)
    expect(await stopped).toBe(how)
    expect(await handle.stop()).toBe(how)
    expect(clock.timers()).toBe(isDeaf ? 1 : 0)
  })
}

test('gives a running cycle 8 s by default', async () => {
  const clock = fakeClock(START)
  const handle = schedule('coins', { every: '1m' }, (run) => clock.sleep(MINUTE, run.signal), clock)
  await clock.pass(MINUTE)
  void handle.stop()
  await clock.pass(7_999)
  expect(handle.running).toBe(1)
  await clock.pass(1)
  expect(handle.running).toBe(0)
})

test('refuses to stop within what is no time', async () => {
  const clock = fakeClock(START)
  const handle = schedule('coins', { every: '1m' }, () => {}, clock)
  for (const withinMs of [-1, Number.NaN, '5s' as never]) {
    await expect(handle.stop({ withinMs })).rejects.toMatchObject({ name: 'BadInput' })
  }
  expect(handle.next()).not.toBeNull()
  await handle.stop()
})

test('stops at once, with what runs, when the signal it was given aborts', async () => {
  const clock = fakeClock(START)
  const controller = new AbortController()
  let reason: unknown
  const onError = (error: unknown) => {
    reason = error
  }
  const options = { every: '1m', signal: controller.signal, onError }
  const handle = schedule('coins', options, (run) => clock.sleep(MINUTE, run.signal), clock)
  await clock.pass(MINUTE)
  controller.abort(new Error('over'))
  await handle.ended
  expect([reason, clock.timers()]).toEqual([new Error('over'), 0])
})

test('is not held by the signal it was given once it has stopped', async () => {
  const { signal } = new AbortController()
  const handle = schedule('coins', { every: '1m', signal }, () => {}, fakeClock(START))
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  await handle.stop()
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
})

test('never starts when the signal it was given has aborted before', async () => {
  const clock = fakeClock(START)
  const options = { every: '1m', immediately: true, signal: AbortSignal.abort() }
  const handle = schedule('coins', options, () => expect.unreachable(), clock)
  await handle.ended
  expect([handle.next(), clock.timers()]).toEqual([null, 0])
})

test('sleeps at most 10 s at a time, however far away the next run is', async () => {
  const clock = fakeClock(START)
  const sleeps: number[] = []
  const watched: typeof clock = {
    ...clock,
    setTimer(ring, ms, isRef) {
      sleeps.push(ms)
      return clock.setTimer(ring, ms, isRef)
    },
  }
  let runs = 0
  const count = () => {
    runs += 1
  }
  const handle = schedule('coins', { cron: '0 0 29 2 *' }, count, watched)
  expect(handle.next()).toEqual(new Date('2028-02-29T00:00:00Z'))
  await clock.pass(MINUTE)
  expect(Math.max(...sleeps)).toBe(10_000)
  clock.set(Date.parse('2028-02-29T00:00:00Z') - clock.now())
  await clock.pass(10_000)
  expect(runs).toBe(1)
  await handle.stop()
})

test('a run that blocks the event loop from its first line is in nobody`s way but its own', async () => {
  const clock = fakeClock(START)
  const dues: number[] = []
  const block = (_: unknown, { due }: { due: Date }) => {
    dues.push((due.getTime() - START) / MINUTE)
    clock.block(1.5 * MINUTE)
  }
  const handle = schedule('coins', { every: '1m' }, block, clock)
  await clock.pass(7 * MINUTE)
  await handle.stop()
  expect(dues).toEqual([1, 2, 4, 5, 7])
})

test('runs at real multiples of the interval, in order, with real timers', async () => {
  const dues: number[] = []
  const early: number[] = []
  await using _ = schedule('coins', { every: 40 }, (_, { due }) => {
    if (Date.now() < due.getTime()) early.push(due.getTime())
    dues.push(due.getTime())
  })
  while (dues.length < 6) await wait(10)
  await settled()
  expect(early).toEqual([])
  expect(dues.every((due) => due % 40 === 0)).toBe(true)
  expect(dues).toEqual([...new Set(dues)].sort((a, b) => a - b))
})
