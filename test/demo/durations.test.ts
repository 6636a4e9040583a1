import { max, mean, median, min, quantile, quantileSorted } from 'simple-statistics'
import { expect, test } from 'vitest'
import { coinDuration, coinHistory, drawCoinDuration, PUBLISHED_CYCLES } from '#demo/coins/durations.ts'
import { seededRandom } from '#demo/coins/random.ts'
import { BUCKETS, bucketOf, DEFAULT_BOUNDS } from '#model/buckets.ts'

const history = coinHistory()
const seconds = history.map((ms) => ms / 1_000)

const published = [
  { figure: 'mean', of: mean, text: '19.88' },
  { figure: 'median', of: median, text: '16.84' },
  { figure: 'minimum', of: min, text: '14.02' },
  { figure: 'maximum', of: max, text: '172.20' },
  { figure: 'p95', of: (all: number[]) => quantile(all, 0.95), text: '34.2' },
  { figure: 'p99', of: (all: number[]) => quantile(all, 0.99), text: '78.67' },
  { figure: 'p99 of sorted durations', of: (all: number[]) => quantileSorted(all, 0.99), text: '78.67' },
]

for (const { figure, of, text } of published) {
  test(`has the published ${figure} when as many cycles are made as were published`, () => {
    expect(of(seconds).toFixed(text.length - text.indexOf('.') - 1)).toBe(text)
  })
}

test('has the published shares of buckets when as many cycles are made as were published', () => {
  const counts = BUCKETS.map((bucket) => history.filter((ms) => bucketOf(ms, DEFAULT_BOUNDS) === bucket).length)
  const shares = counts.map((count) => Number(((100 * count) / PUBLISHED_CYCLES).toFixed(1)))
  expect(PUBLISHED_CYCLES).toBe(4_235)
  expect(counts.at(-1)).toBe(78)
  expect(shares).toEqual([76.3, 16.6, 5.2, 1.8])
  expect(shares.reduce((sum, share) => sum + share).toFixed(1)).toBe('99.9')
})

test('never falls when the share rises', () => {
  expect(history).toEqual(history.toSorted((a, b) => a - b))
})

test('gives the shortest and the longest cycle when the share is outside 0 to 1', () => {
  expect([coinDuration(-1), coinDuration(2)]).toEqual([14_020, 172_200])
})

test('draws the published quantiles when many cycles are drawn', () => {
  const random = seededRandom(3)
  const drawn = Array.from({ length: 100_000 }, () => drawCoinDuration(random))
  for (const share of [0.1, 0.5, 0.9, 0.95, 0.99]) {
    expect(Math.abs(quantile(drawn, share) / coinDuration(share) - 1)).toBeLessThan(0.03)
  }
})

test('draws the same cycles when the seed is the same, and others when it is not', () => {
  const draw = (seed: number) => Array.from({ length: 5 }, seededRandom(seed))
  expect(draw(1)).toEqual(draw(1))
  expect(draw(1)).not.toEqual(draw(2))
})
