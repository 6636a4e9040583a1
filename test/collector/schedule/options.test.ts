import { expect, test } from 'vitest'
import { resolveSchedule, type ScheduleOptions } from '#collector/schedule/options.ts'

const refusals: [what: string, options: unknown, message: RegExp][] = [
  ['no options', undefined, /^schedule 'coins' cannot start: options must be given, as in \{ every: '60s' \}$/],
  ['neither every nor cron', {}, /every or cron must be given$/],
  ['both every and cron', { every: '1m', cron: '* * * * *' }, /every or cron must be given, not both$/],
  ['a duration without a unit', { every: '60' }, /every is '60'; it must be a duration such as 60s or whole milli/],
  ['no time at all', { every: 0 }, /every is 0; it must be .* from 1 ms to 3650d$/],
  ['a part of a millisecond', { every: 0.5 }, /every is 0\.5; it must be/],
  ['a century', { every: '36500d' }, /every is '36500d'; it must be/],
  ['a number that is none', { every: Number.NaN }, /every is NaN; it must be/],
  [
    'a pattern that is none',
    { cron: '61 * * * *' },
    /cron is '61 \* \* \* \*', which is no cron pattern: Invalid value for minute: 61/,
  ],
  ['too few fields', { cron: '* * *' }, /cron is '\* \* \*', which is no cron pattern: .*five/],
  ['a year', { cron: '0 0 0 1 1 * 2030' }, /which is no cron pattern: .*5 or 6 parts/],
  ['a point in time', { cron: '2030-01-01T00:00:00' }, /which is no cron pattern: five or six fields/],
  ['a date that never comes', { cron: '0 0 30 2 *' }, /cron is '0 0 30 2 \*', which never comes due/],
  [
    'a zone that is none',
    { cron: '* * * * *', timezone: 'Europe/Berln' },
    /timezone is 'Europe\/Berln'; it must be a name such as Europe\/Berlin/,
  ],
  ['a zone with every', { every: '1h', timezone: 'Europe/Berlin' }, /timezone goes with cron only/],
  ['an unknown overlap', { every: 1, overlap: 'wait' }, /overlap is 'wait'; allowed are skip, queue, cancel/],
  ['an unknown missed', { every: 1, missed: true }, /missed is true; allowed are skip, catch_up/],
  [
    'catching up while cancelling',
    { every: 1, overlap: 'cancel', missed: 'catch_up' },
    /missed is 'catch_up', which cannot go with/,
  ],
  ['a line of none', { every: 1, maxWaiting: 0 }, /maxWaiting is 0; it must be a whole number from 1 to 1000/],
  ['catching up without end', { every: 1, maxCatchUp: Number.POSITIVE_INFINITY }, /maxCatchUp is Infinity; it must be/],
  ['jitter below zero', { every: 1, jitter: -1 }, /jitter is -1; it must be a duration/],
  ['a date that is none', { every: 1, lastDue: new Date('x') }, /lastDue is an object; it must be a valid Date/],
  ['a number as a date', { every: 1, lastDue: 5 }, /lastDue is 5; it must be a valid Date/],
  [
    'one signal without a list',
    { every: 1, stopOn: 'SIGTERM' },
    /stopOn is 'SIGTERM'; it must be a list of SIGTERM, SIGINT, SIGHUP/,
  ],
  [
    'a signal nobody can catch',
    { every: 1, stopOn: ['SIGKILL'] },
    /stopOn is 'SIGKILL'; allowed are SIGTERM, SIGINT, SIGHUP/,
  ],
  ['a signal of another kind', { every: 1, signal: 'SIGTERM' }, /signal must be an AbortSignal/],
  ['a word for true', { every: 1, unref: 'yes' }, /unref is 'yes'; it must be true or false/],
  ['a listener that is none', { every: 1, onError: 'log' }, /onError must be a function/],
  ['a budget outside its place', { every: 1, cycle: 5 }, /cycle is 5; it must be options of a cycle/],
  ['a misspelt option', { every: 1, overlaps: 'skip' }, /overlaps is unknown; did you mean overlap\?/],
]

for (const [what, options, message] of refusals) {
  test(`refuses ${what}`, () => {
    expect(() => resolveSchedule('coins', options as ScheduleOptions)).toThrow(message)
    expect(() => resolveSchedule('coins', options as ScheduleOptions)).toThrow(
      expect.objectContaining({ name: 'BadInput' }),
    )
  })
}

test('tells every problem at once', () => {
  const wrong = { every: 'often', overlap: 'wait', jitter: '1', extra: 1 } as unknown as ScheduleOptions
  expect(() => resolveSchedule('coins', wrong)).toThrow(/extra .*overlap .*every .*jitter /)
})

test('reads durations as texts and as milliseconds', () => {
  const { jitterMs, stopWithinMs, timetable } = resolveSchedule('coins', {
    every: '1.5m',
    jitter: 250,
    stopWithin: '20s',
  })
  expect({ jitterMs, stopWithinMs, next: timetable.next(0) }).toEqual({
    jitterMs: 250,
    stopWithinMs: 20_000,
    next: 90_000,
  })
})

test('takes cron in UTC unless told a time zone', () => {
  const from = Date.parse('2026-07-01T00:00:00Z')
  const noon = (timezone?: string) => resolveSchedule('coins', { cron: '0 12 * * *', timezone }).timetable.next(from)
  expect(noon()).toBe(Date.parse('2026-07-01T12:00:00Z'))
  expect(noon('Europe/Berlin')).toBe(Date.parse('2026-07-01T10:00:00Z'))
})
