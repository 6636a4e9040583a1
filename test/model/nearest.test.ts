import { expect, test } from 'vitest'
import { nearest } from '#model/nearest.ts'

test.each([
  ['coin-fecher', ['coin-fetcher', 'odds'], 'coin-fetcher'],
  ['Odds', ['coin-fetcher', 'odds'], 'odds'],
  ['weather', ['coin-fetcher', 'odds'], null],
  ['x', [], null],
])('guesses what %s was meant to be', (word, candidates, expected) => {
  expect(nearest(word, candidates)).toBe(expected)
})
