import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkIn } from '#collector/results/checks.ts'
import { type Scene, startScene } from '#test/collector/results/ongoing.ts'

let scene: Scene

beforeAll(async () => {
  scene = await startScene()
})
afterAll(() => scene.close())

test('counts checks that pass, and leaves the outcome alone', async () => {
  const { value, reasons, root } = await scene.inCycle((ongoing, partial) => [
    checkIn(ongoing, 'prices are positive', true, undefined, partial),
    checkIn(ongoing, 'all markets are there', true, 'unused', partial),
  ])
  expect(value).toEqual([true, true])
  expect(reasons).toEqual([])
  expect(root.attributes).toMatchObject({ 'cycle.checks': 2, 'cycle.checks.failed': 0 })
  expect(root.attributes).not.toHaveProperty('cycle.checks.failed_names')
  expect(root.events).toEqual([])
})

test('makes the cycle partial, with the name and the detail, when a check fails', async () => {
  const { value, reasons, root } = await scene.inCycle((ongoing, partial) => [
    checkIn(ongoing, 'all markets are there', false, '3 of 900 from https://h.org/?token=abc', partial),
    checkIn(ongoing, 'prices are positive', true, undefined, partial),
    checkIn(ongoing, 'prices are fresh', false, undefined, partial),
  ])
  expect(value).toEqual([false, true, false])
  expect(reasons).toEqual([
    'check failed: all markets are there (3 of 900 from https://h.org/?token=REDACTED)',
    'check failed: prices are fresh',
  ])
  expect(root.attributes).toMatchObject({
    'cycle.checks': 3,
    'cycle.checks.failed': 2,
    'cycle.checks.failed_names': ['all markets are there', 'prices are fresh'],
  })
  expect(root.events).toEqual([
    {
      name: 'check.failed',
      attributes: {
        'check.name': 'all markets are there',
        'check.severity': 'error',
        'check.detail': '3 of 900 from https://h.org/?token=REDACTED',
      },
    },
    { name: 'check.failed', attributes: { 'check.name': 'prices are fresh', 'check.severity': 'error' } },
  ])
})

test('leaves the outcome alone when a warning fails', async () => {
  const { reasons, root } = await scene.inCycle((ongoing, partial) =>
    checkIn(ongoing, 'few are odd', false, { warn: true, detail: '4 %' }, partial),
  )
  expect(reasons).toEqual([])
  expect(root.attributes).toMatchObject({ 'cycle.checks.failed': 1, 'cycle.checks.failed_names': ['few are odd'] })
  expect(root.events[0]?.attributes).toMatchObject({ 'check.severity': 'warn', 'check.detail': '4 %' })
})

test('counts all and names some when very many fail', async () => {
  const { root } = await scene.inCycle((ongoing, partial) => {
    for (let n = 0; n < 1_000; n += 1) checkIn(ongoing, `row ${n % 50} is whole`, n === 0, undefined, partial)
  })
  expect(root.attributes).toMatchObject({ 'cycle.checks': 1_000, 'cycle.checks.failed': 999 })
  expect(root.attributes['cycle.checks.failed_names']).toHaveLength(32)
  expect(root.events).toHaveLength(32)
})

for (const ok of [1, 0, undefined, 'yes', Promise.resolve(false), () => false]) {
  test(`refuses ${typeof ok} ${String(ok)} in place of true and false`, async () => {
    const { error } = await scene.inCycle((ongoing, partial) =>
      checkIn(ongoing, 'fresh', ok as unknown as boolean, undefined, partial),
    )
    expect(error).toMatchObject({
      name: 'BadInput',
      message: expect.stringContaining("check 'fresh' needs true or false"),
    })
  })
}
