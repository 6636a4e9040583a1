import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lookAt, type Position } from '#collector/schedule/due.ts'
import { cronTimetable, everyTimetable, type Timetable } from '#collector/schedule/timetable.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const none = { upToMs: 0, random: () => 0 }
const at = (text: string) => Date.parse(text)
const text = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString().replace('.000', ''))

/** All due times that came, with the clock looked at in these moments. */
function came(timetable: Timetable, from: number, looks: number[]): number[] {
  let position: Position = { last: from, plan: null }
  return looks.flatMap((now) => {
    const looked = lookAt(now, position, timetable, none)
    position = looked.position
    return looked.came ? [...looked.came.missed, looked.came.newest.due] : []
  })
}

const nexts: [what: string, timetable: Timetable, after: string, next: string][] = [
  ['every 5 minutes', everyTimetable(5 * MINUTE), '2026-03-01T10:02:37Z', '2026-03-01T10:05:00Z'],
  ['every 5 minutes, at one', everyTimetable(5 * MINUTE), '2026-03-01T10:05:00Z', '2026-03-01T10:10:00Z'],
  ['every day', everyTimetable(24 * HOUR), '2026-03-01T10:02:37Z', '2026-03-02T00:00:00Z'],
  ['a cron', cronTimetable('*/5 * * * *', 'UTC'), '2026-03-01T10:05:00Z', '2026-03-01T10:10:00Z'],
  ['a cron with seconds', cronTimetable('*/20 * * * * *', 'UTC'), '2026-03-01T10:05:59.9Z', '2026-03-01T10:06:00Z'],
  ['a time zone', cronTimetable('0 9 * * MON', 'Asia/Kolkata'), '2026-03-01T10:00:00Z', '2026-03-02T03:30:00Z'],
  ['a leap day', cronTimetable('0 0 29 2 *', 'UTC'), '2026-03-01T00:00:00Z', '2028-02-29T00:00:00Z'],
  ['a leap day around 2100', cronTimetable('0 0 29 2 *', 'UTC'), '2096-03-01T00:00:00Z', '2104-02-29T00:00:00Z'],
  ['the last day', cronTimetable('0 0 L * *', 'UTC'), '2028-02-01T00:00:00Z', '2028-02-29T00:00:00Z'],
  ['@hourly', cronTimetable('@hourly', 'UTC'), '2026-03-01T10:00:00Z', '2026-03-01T11:00:00Z'],
]

for (const [what, timetable, after, next] of nexts) {
  test(`finds what is next: ${what}`, () => expect(text(timetable.next(at(after)))).toBe(next))
}

// Berlin: 02:00 to 03:00 does not exist on 29 March 2026 and comes twice on 25 October.
const changes: [what: string, pattern: string, from: string, to: string, due: string[]][] = [
  ['runs a time that is left out after the gap', '30 2 * * *', '2026-03-29T00:00Z', '2026-03-29T12:00Z', ['01:00']],
  ['runs two that are left out once', '10,40 2 * * *', '2026-03-29T00:00Z', '2026-03-29T12:00Z', ['01:00']],
  ['runs a repeated time once', '30 2 * * *', '2026-10-24T23:00Z', '2026-10-25T12:00Z', ['00:30']],
  ['runs each of a repeated list once', '10,40 2 * * *', '2026-10-24T23:00Z', '2026-10-25T12:00Z', ['00:10', '00:40']],
  [
    'goes on every half hour through the repeated hour',
    '*/30 * * * *',
    '2026-10-24T23:45Z',
    '2026-10-25T02:00Z',
    ['00:00', '00:30', '01:00', '01:30', '02:00'],
  ],
  [
    'goes on every half hour across the gap',
    '*/30 * * * *',
    '2026-03-29T00:15Z',
    '2026-03-29T01:45Z',
    ['00:30', '01:00', '01:30'],
  ],
]

for (const [what, pattern, from, to, due] of changes) {
  test(`${what} when daylight saving changes`, () => {
    const looks = Array.from({ length: (at(to) - at(from)) / MINUTE }, (_, minute) => at(from) + (minute + 1) * MINUTE)
    const found = came(cronTimetable(pattern, 'Europe/Berlin'), at(from), looks)
    expect(found.map((ms) => text(ms)?.slice(11, 16))).toEqual(due)
  })
}

test('every counts real time when daylight saving changes', () => {
  const looks = [at('2026-10-25T00:00Z'), at('2026-10-25T06:00Z'), at('2026-10-25T12:00Z')]
  expect(came(everyTimetable(6 * HOUR), at('2026-10-24T23:00Z'), looks)).toEqual(looks)
})

// A transition of each kind there is: an hour, half an hour, two hours, at midnight, across Ramadan, a whole day.
const ZONES: [zone: string, from: number, to: number][] = [
  ['Europe/Berlin', 2000, 2037],
  ['America/New_York', 2000, 2037],
  ['America/St_Johns', 2000, 2037],
  ['Australia/Lord_Howe', 2000, 2037],
  ['Antarctica/Troll', 2006, 2037],
  ['Africa/Casablanca', 2012, 2037],
  ['America/Havana', 2000, 2037],
  ['America/Sao_Paulo', 2000, 2018],
  ['Asia/Beirut', 2000, 2037],
  ['Pacific/Apia', 2010, 2020],
  ['Pacific/Chatham', 2000, 2037],
]

/** Some days around a change of the offset of some zone. */
const around = fc
  .constantFrom(...ZONES)
  .chain(([zone, from, to]) =>
    fc.record({ zone: fc.constant(zone), year: fc.integer({ min: from, max: to }), nth: fc.nat(1) }),
  )
  .map(({ zone, year, nth }) => {
    let moment = Temporal.ZonedDateTime.from(`${year}-01-01T00:00[${zone}]`)
    for (let count = 0; count <= nth; count += 1) moment = moment.getTimeZoneTransition('next') ?? moment
    return { zone, from: moment.epochMilliseconds - 30 * HOUR, to: moment.epochMilliseconds + 30 * HOUR }
  })

const steps = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 30 })

/** Moments to look at the clock, up to the end; it is set back in between, by less than three hours at any time. */
function moments(from: number, to: number, minutes: number[], back: number[] = [0]): number[] {
  const found: number[] = []
  let now = from
  for (let index = 0; now < to; index += 1) {
    now += (minutes[index % minutes.length] as number) * MINUTE
    found.push(now)
    if (index < 40)
      now = Math.max(now - (back[index % back.length] as number) * MINUTE, Math.max(...found) - 179 * MINUTE)
  }
  return found
}

/** The moments at which a clock of the zone shows what the pattern asks for, from the definition. */
function shownAt(zone: string, from: number, to: number, isAsked: (hour: number, minute: number) => boolean): number[] {
  const found: number[] = []
  for (let moment = from + MINUTE; moment <= to; moment += MINUTE) {
    const { hour, minute } = Temporal.Instant.fromEpochMilliseconds(moment).toZonedDateTimeISO(zone)
    if (isAsked(hour, minute)) found.push(moment)
  }
  return found
}

/** The same for plain times of the day: each wall-clock time of each date once, those in a gap at its end. */
function onceEach(zone: string, from: number, to: number, hours: number[], minutes: number[]): number[] {
  const found = new Set<number>()
  let date = Temporal.Instant.fromEpochMilliseconds(from).toZonedDateTimeISO(zone).toPlainDate().subtract({ days: 2 })
  for (let day = 0; day < 9; day += 1, date = date.add({ days: 1 })) {
    for (const hour of hours)
      for (const minute of minutes) found.add(momentOf(zone, date.toPlainDateTime({ hour, minute })))
  }
  return [...found].filter((moment) => moment > from && moment <= to).sort((a, b) => a - b)
}

function momentOf(zone: string, wanted: Temporal.PlainDateTime): number {
  const first = wanted.toZonedDateTime(zone, { disambiguation: 'earlier' })
  if (first.toPlainDateTime().equals(wanted)) return first.epochMilliseconds
  const end = first.getTimeZoneTransition('next')
  // A date that a zone left out altogether (Samoa, 30 December 2011) has no times.
  return end?.toPlainDate().equals(wanted.toPlainDate()) ? end.epochMilliseconds : Number.NaN
}

test('each wall-clock time of a cron comes exactly once, whenever one looks, also when the clock is set back', () => {
  const times = (max: number) => fc.uniqueArray(fc.integer({ min: 0, max }), { minLength: 1, maxLength: 4 })
  const back = fc.array(fc.integer({ min: 0, max: 150 }), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(around, times(23), times(59), steps, back, ({ zone, from, to }, hours, minutes, walk, setBack) => {
      const looks = moments(from, to, walk, setBack)
      const timetable = cronTimetable(`${minutes.join()} ${hours.join()} * * *`, zone)
      expect(came(timetable, from, looks)).toEqual(onceEach(zone, from, Math.max(...looks), hours, minutes))
    }),
    { numRuns: 150 },
  )
})

test('a cron of so often comes whenever the clock of its zone shows it, in a repeated hour twice', () => {
  fc.assert(
    fc.property(around, fc.constantFrom(1, 7, 15, 30), steps, ({ zone, from, to }, every, walk) => {
      const looks = moments(from, to, walk)
      const expected = shownAt(zone, from, Math.max(...looks), (_, minute) => minute % every === 0)
      expect(came(cronTimetable(`*/${every} * * * *`, zone), from, looks)).toEqual(expected)
    }),
    { numRuns: 25 },
  )
})

test('counts a thousand of the due times of a long sleep, the newest', () => {
  const from = at('2026-01-01T00:00:00Z')
  for (const timetable of [everyTimetable(SECOND), cronTimetable('* * * * * *', 'Europe/Berlin')]) {
    const found = came(timetable, from, [from + 365 * 24 * HOUR])
    expect(found).toHaveLength(1_001)
    expect(found.at(-1)).toBe(from + 365 * 24 * HOUR)
    expect(found[0]).toBe(from + 365 * 24 * HOUR - 1_000 * SECOND)
  }
})

test('a cron counts anew after its clock was wrong by more than three hours', () => {
  const wrong = at('2036-05-05T10:00:00Z')
  const right = at('2026-03-01T10:02:00Z')
  const daily = cronTimetable('0 * * * *', 'UTC')
  expect(came(daily, wrong - 1, [wrong, right, right + HOUR]).map(text)).toEqual([
    '2036-05-05T10:00:00Z',
    '2026-03-01T11:00:00Z',
  ])
})

test('every neither runs too soon nor falls silent when the clock is set back', () => {
  const jumps = fc.array(fc.record({ at: fc.nat(1_000), back: fc.integer({ min: 0, max: 2_000_000 }) }), {
    maxLength: 6,
  })
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 60 }), jumps, (seconds, plan) => {
      const timetable = everyTimetable(seconds * SECOND)
      const start = at('2026-03-01T00:00:00Z')
      let position: Position = { last: start, plan: null }
      let offset = 0
      const starts: number[] = []
      for (let second = 0; second < 1_500; second += 1) {
        for (const jump of plan) if (jump.at === second) offset -= jump.back * 10
        // As often as the alarm does: at the planned moment, and every second in between.
        const now = start + offset + second * SECOND
        const planned = position.plan?.startAt ?? Number.POSITIVE_INFINITY
        for (const moment of planned > now && planned < now + SECOND ? [now, planned] : [now]) {
          const looked = lookAt(moment, position, timetable, none)
          position = looked.position
          if (looked.came) starts.push(moment - start - offset)
        }
      }
      const gaps = starts.slice(1).map((moment, index) => moment - (starts[index] as number))
      const hits = plan.filter((jump) => jump.back > 0).length
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(seconds * SECOND)
      expect(Math.max(...gaps)).toBeLessThanOrEqual((2 + Math.max(hits, 1)) * seconds * SECOND + SECOND)
    }),
  )
})

test('jitter delays each run by less than the time to the next one', () => {
  const timetables = fc.constantFrom(everyTimetable(10 * SECOND), cronTimetable('0,1,30 * * * *', 'UTC'))
  const chance = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
    minLength: 1,
    maxLength: 20,
  })
  fc.assert(
    fc.property(timetables, fc.integer({ min: 1, max: 2 * HOUR }), chance, (timetable, upToMs, draws) => {
      let drawn = 0
      const random = () => draws[drawn++ % draws.length] as number
      let position: Position = { last: at('2026-03-01T00:00:00Z'), plan: null }
      const runs: { due: number; startAt: number }[] = []
      let now = position.last
      while (runs.length < 20) {
        const looked = lookAt(now, position, timetable, { upToMs, random })
        position = looked.position
        expect(looked.came?.missed ?? []).toEqual([])
        if (looked.came) runs.push(looked.came.newest)
        now = position.plan?.startAt as number
      }
      for (const [index, { due, startAt }] of runs.entries()) {
        expect(startAt - due).toBeGreaterThanOrEqual(0)
        expect(startAt - due).toBeLessThanOrEqual(upToMs)
        expect(startAt).toBeLessThan(runs[index + 1]?.due ?? Number.POSITIVE_INFINITY)
      }
      expect(drawn).toBeGreaterThanOrEqual(20)
    }),
  )
})
