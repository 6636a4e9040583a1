import { expect, test } from 'vitest'
import type { Schedule } from '#collector/schedule/schedule.ts'
import type { Clock } from '#test/collector/schedule/clock.ts'
import { type Play, play, START } from '#test/collector/schedule/timeline.ts'

const set = (seconds: number) => (clock: Clock) => clock.set(seconds * 1_000)
const block = (seconds: number) => (clock: Clock) => clock.block(seconds * 1_000)
const stop = (seconds: number) => (_: Clock, handle: Schedule) => void handle.stop({ withinMs: seconds * 1_000 })
const both = (seconds: number) => (clock: Clock, handle: Schedule) => {
  stop(seconds)(clock, handle)
  stop(seconds)(clock, handle)
}

// Due every 3 s: at 3 (a), 6 (b), 9 (c), 12 (d), 15 (e) …
const timelines: [what: string, expected: string, play: Play][] = [
  ['runs at each due time', '...a..b..c..d..', {}],
  ['starts at once too when asked', '0..a..b..c..d..', { options: { immediately: true } }],
  ['does not drift by what runs take', '...a-.b-.c-.d-.', { lasts: [2] }],
  ['goes on after failures', '...a!.b!.c..d..', { lasts: [-2, -2, 1] }],

  ['skips what comes due while one runs', '...a---..c---..e', { lasts: [4] }],
  ['lets one wait in line', '...a----bc-.d..', { options: { overlap: 'queue' }, lasts: [5, 1, 2, 1] }],
  [
    'lets no more wait than allowed, and those in order',
    '...a---------b-c-ef..',
    { options: { overlap: 'queue', maxWaiting: 2 }, lasts: [10, 2, 2, 1] },
  ],
  ['aborts the one that runs for the next', '...a-xb-xc-xd-', { options: { overlap: 'cancel' }, lasts: [9] }],
  [
    'waits for one that ignores that it is aborted, and then runs the newest only',
    '...a-------cd..e',
    { options: { overlap: 'cancel' }, lasts: [8.5, 0.5, 1], isDeaf: true },
  ],

  ['runs the last due time late after the event loop was blocked', '...a......c.d..e..', { at: { 4: block(5.5) } }],
  [
    'catches up with what a blocked event loop missed',
    '...a......bcd..e..',
    { at: { 4: block(5.5) }, options: { missed: 'catch_up' } },
  ],
  ['leaves out what a suspended machine missed', '...a..b..mn..o..', { at: { 7: set(32) } }],
  [
    'catches up with the newest of what a suspended machine missed, in order',
    '...a..b..klmno..p',
    { at: { 7: set(32) }, options: { missed: 'catch_up', maxCatchUp: 2 } },
  ],
  [
    'lets what comes due wait while it catches up',
    '...a..b..j-k-l-m-n-o-.r-.s-',
    { at: { 7: set(32) }, options: { missed: 'catch_up', maxCatchUp: 3 }, lasts: [1, 1, 2] },
  ],
  [
    'catches up with what was missed before the process started',
    'yz0a..b..',
    { options: { missed: 'catch_up', lastDue: new Date(START - 9_000) } },
  ],
  ['misses nothing before the start unless told', '...a..b..', { options: { missed: 'catch_up' } }],
  ['does not repeat itself when the clock is set back a little', '...a....b..c', { at: { 4: set(-2) } }],
  ['goes on when the clock is set back far', '...a........~..~..', { at: { 4: set(-3_600) } }],

  ['ends in time when stopped', '...a---........', { lasts: [4], at: { 5: stop(10) } }],
  [
    'starts nothing in line when stopped',
    '...a---........',
    { lasts: [4], options: { overlap: 'queue' }, at: { 6: stop(9) } },
  ],
  ['aborts what runs at the deadline', '...a----x......', { lasts: [20], at: { 5: stop(3) } }],
  [
    'aborts what runs when the deadline is brought nearer',
    '...a--x........',
    { lasts: [20], at: { 5: stop(9), 6: stop(0) } },
  ],
  ['does not put the deadline off', '...a----x......', { lasts: [20], at: { 5: stop(3), 6: stop(60) } }],
  ['may be stopped twice', '...a----x......', { lasts: [20], at: { 5: both(3) } }],
  ['never starts when it is stopped before', '...............', { at: { 1: stop(3) } }],
]

for (const [what, expected, plan] of timelines) {
  test(what, async () => expect(await play({ seconds: expected.length, ...plan })).toBe(expected))
}
