import { expect, test } from 'vitest'
import { checkNeed, isEnough, type Need } from '#collector/results/need.ts'

const NAMES = ['prices', 'volumes', 'news']

const cases: [need: Need, missing: string[], enough: boolean][] = [
  ['all', [], true],
  ['all', ['news'], false],
  [0, NAMES, true],
  [1, ['prices', 'volumes'], true],
  [1, NAMES, false],
  [2, ['news'], true],
  [2, ['news', 'prices'], false],
  [3, [], true],
  [3, ['news'], false],
  [[], NAMES, true],
  [['prices'], ['news', 'volumes'], true],
  [['prices', 'news'], ['volumes'], true],
  [['prices', 'news'], ['news'], false],
]

for (const [need, missing, enough] of cases) {
  test(`${enough ? 'is content' : 'is short'} without ${missing.join(', ') || 'nothing'} when ${JSON.stringify(need)} is needed`, () =>
    expect(isEnough(need, NAMES, missing)).toBe(enough))
}

for (const [need, message] of [
  [4, "need is '4'; allowed are 'all', a list of names, and a whole number from 0 to 3"],
  [-1, "need is '-1'; allowed are"],
  [1.5, "need is '1.5'; allowed are"],
  [Number.NaN, "need is 'NaN'; allowed are"],
  ['some', "need is 'some'; allowed are"],
  [{}, 'need is an object; allowed are'],
  [['prices', 'rumours'], "need names 'rumours', which is not gathered; gathered are prices, volumes, news"],
] as const) {
  test(`refuses ${JSON.stringify(need)}`, () => {
    expect(() => checkNeed(need, NAMES)).toThrow(expect.objectContaining({ name: 'BadInput' }))
    expect(() => checkNeed(need, NAMES)).toThrow(message)
  })
}
