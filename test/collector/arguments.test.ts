import { expect, test } from 'vitest'
import { cycle, type Run } from '#collector/collector.ts'

const refusals: [what: string, call: (run: Run) => unknown, message: string][] = [
  ['a cycle without a name', () => cycle(' ', () => {}), 'the name of a cycle must not be empty'],
  ['a cycle named by a number', () => cycle(7 as never, () => {}), 'the name of a cycle must be a text, not a number'],
  ['a cycle without a function', () => cycle('x', null as never), "cycle 'x' needs a function to run, not null"],
  [
    'an unknown trigger',
    () => cycle('x', () => {}, { trigger: 'cron' as never }),
    "the trigger of cycle 'x' is 'cron'; allowed are schedule, manual, ci",
  ],
  ['a step without a name', (run) => run.step('', 'db', () => {}), 'the name of a step must not be empty'],
  [
    'an unknown kind',
    (run) => run.step('s', 'sql' as never, () => {}),
    "the kind of step 's' is 'sql'; allowed are fetch, db, cache, wait, compute",
  ],
  [
    'an unknown reason',
    (run) => run.step('s', 'wait', () => {}, { reason: 'sleep' as never }),
    "the reason of step 's' is 'sleep'; allowed are backoff, rate_limit, queue, breaker",
  ],
  [
    'a reason of a step that is no wait',
    (run) => run.step('s', 'db', () => {}, { reason: 'queue' }),
    "step 's' is of kind db; only a wait has a reason",
  ],
  ['an attribute without a key', (run) => run.set('', 1), 'the key of an attribute must not be empty'],
]

for (const [what, call, message] of refusals) {
  test(`refuses ${what}`, async () => {
    const refused = cycle('coins', async (run) => call(run))
    await expect(refused).rejects.toMatchObject({ name: 'BadInput', message })
  })
}
