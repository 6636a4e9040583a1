import { expect, test } from 'vitest'
import { type Batcher, batcher } from '#collector/writing/batcher.ts'
import type { BatcherOptions, BatchInfo } from '#collector/writing/batcher-options.ts'
import { BadInput, Unavailable } from '#model/errors.ts'
import { testClock } from '#test/collector/writing/clock.ts'

type Call = { rows: number[]; at: number } & BatchInfo

/** A batcher of numbers whose nth write ends as the nth of `answers` says; after those it succeeds. */
function scene(options: Partial<BatcherOptions<number>> = {}, answers: (Error | 'hang' | 'slow')[] = []) {
  const clock = testClock()
  const calls: Call[] = []
  let ids = 0
  const rows: Batcher<number> = batcher({
    size: 3,
    everyMs: 100,
    clock,
    random: () => 0.5,
    newId() {
      ids += 1
      return `batch ${ids}`
    },
    write(given, info) {
      calls.push({ rows: given, at: clock.now(), ...info })
      const answer = answers[calls.length - 1]
      if (answer === 'hang') return new Promise(() => {})
      if (answer === 'slow') return new Promise<void>((resolve) => clock.after(1_000, resolve, true))
      return answer ? Promise.reject(answer) : undefined
    },
    ...options,
  })
  return { clock, calls, rows, written: () => calls.map((call) => call.rows) }
}

test('writes as soon as a batch is full, and the rest after everyMs', async () => {
  const { clock, rows, written } = scene()
  await rows.addAll([1, 2, 3, 4])
  expect(written()).toEqual([[1, 2, 3]])
  await clock.advance(99)
  expect(written()).toHaveLength(1)
  await clock.advance(1)
  expect(written()).toEqual([[1, 2, 3], [4]])
})

test('counts everyMs from the first row of a batch, not from the last', async () => {
  const { clock, rows, calls } = scene()
  await rows.add(1)
  await clock.advance(80)
  await rows.add(2)
  await clock.advance(100)
  expect(calls.map(({ rows, at }) => [rows, at])).toEqual([[[1, 2], 100]])
})

test('makes one write at a time, and what gathered meanwhile goes next', async () => {
  const { clock, rows, calls } = scene({}, ['slow'])
  await rows.addAll([1, 2, 3, 4, 5])
  await clock.advance(999)
  expect(calls).toHaveLength(1)
  await clock.advance(1)
  expect(calls.map(({ rows, at }) => [rows, at])).toEqual([
    [[1, 2, 3], 0],
    [[4, 5], 1_000],
  ])
})

test('makes as many writes at a time as concurrency allows', async () => {
  const { clock, rows, calls } = scene({ concurrency: 2 }, ['slow', 'slow', 'slow'])
  await rows.addAll([1, 2, 3, 4, 5, 6, 7, 8, 9])
  await clock.advance(500)
  expect(calls).toHaveLength(2)
  await clock.advance(500)
  expect(calls).toHaveLength(3)
})

test('holds a caller that awaits while maxWaiting rows are held', async () => {
  const { clock, rows } = scene({ maxWaiting: 4 }, ['slow'])
  let taken = 0
  const adding = (async () => {
    for (let row = 1; row <= 8; row += 1) {
      await rows.add(row)
      taken += 1
    }
  })()
  await clock.advance(999)
  expect([taken, rows.held]).toEqual([4, 4])
  await clock.advance(101)
  await adding
  expect(taken).toBe(8)
})

test('takes no more from an iterable than there is room for', async () => {
  const { clock, rows } = scene({ maxWaiting: 4 }, ['slow'])
  let made = 0
  async function* source() {
    for (; made < 8; made += 1) yield made
  }
  const adding = rows.addAll(source())
  await clock.advance(500)
  expect(made).toBe(4)
  await clock.advance(700)
  await adding
  expect(made).toBe(8)
})

test('repeats a failed write with the same id and rows, after pauses that double up to the longest', async () => {
  const broken = new Error('connection reset')
  const { clock, rows, calls } = scene({ pauseMs: 100, longestPauseMs: 300 }, Array(4).fill(broken))
  await rows.addAll([1, 2, 3])
  await clock.advance(10_000)
  expect(calls.map(({ id, attempt, at }) => [id, attempt, at])).toEqual([
    ['batch 1', 1, 0],
    ['batch 1', 2, 50],
    ['batch 1', 3, 150],
    ['batch 1', 4, 300],
    ['batch 1', 5, 450],
  ])
  expect(calls.every((call) => call.rows.join() === '1,2,3')).toBe(true)
})

test('repeats the same rows also when a write changed its list', async () => {
  const seen: number[][] = []
  const { clock, rows } = scene({
    write(given) {
      seen.push(given.slice())
      given.length = 0
      if (seen.length === 1) throw new Error('after the fact')
    },
  })
  await rows.addAll([1, 2, 3])
  await clock.advance(1_000)
  expect(seen).toEqual([
    [1, 2, 3],
    [1, 2, 3],
  ])
})

test('takes a write that does not end for failed, tells its signal, and repeats it', async () => {
  const { clock, rows, calls } = scene({ timeoutMs: 2_000, pauseMs: 0 }, ['hang'])
  const saved = Promise.all([1, 2, 3].map((row) => rows.save(row)))
  await clock.advance(1_999)
  expect(calls[0]?.signal.aborted).toBe(false)
  await clock.advance(1)
  expect(calls[0]?.signal.reason).toMatchObject({ name: 'TimeoutError' })
  await saved
  expect(calls.map(({ attempt }) => attempt)).toEqual([1, 2])
})

const ends: [what: string, options: Partial<BatcherOptions<number>>, attempts: number][] = [
  ['tries attempts', { tries: 3, pauseMs: 0 }, 3],
  ['withinMs is over', { tries: 100, pauseMs: 100, longestPauseMs: 100, withinMs: 210 }, 5],
  ['retry says no', { retry: () => false }, 1],
  [
    'retry throws',
    {
      retry() {
        throw new TypeError('not a function')
      },
    },
    1,
  ],
]

for (const [what, options, attempts] of ends) {
  test(`gives a batch up after ${what}, tells everybody, and goes on with the next`, async () => {
    const broken = new Error('disk full')
    const given: [number[], unknown][] = []
    const { clock, rows, calls } = scene(
      { ...options, onGiveUp: (lost, error) => given.push([lost, error]) },
      Array(attempts).fill(broken),
    )
    const saved = Promise.allSettled([1, 2, 3, 4].map((row) => rows.save(row)))
    await clock.advance(1_000_000)
    expect((await saved).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'fulfilled'])
    expect((await saved)[0]).toMatchObject({ reason: broken })
    expect(given).toEqual([[[1, 2, 3], broken]])
    expect(calls.length).toBe(attempts + 1)
    expect(rows.held).toBe(0)
    await rows.flush()
  })
}

test('flushes at once, also those who wait outside, and reports what was lost', async () => {
  const { clock, rows, written } = scene({ size: 2, maxWaiting: 2, tries: 1 }, [new Error('see https://h/?token=abc')])
  const adding = Promise.all([1, 2, 3, 4, 5].map((row) => rows.add(row)))
  const flushed = rows.flush()
  const refusal = expect(flushed).rejects.toThrow('2 rows were given up: see https://h/?token=REDACTED')
  await clock.advance(0)
  await refusal
  await adding
  expect(written()).toEqual([[1, 2], [3, 4], [5]])
  await rows.flush()
})

test('does not flush rows added after it before their time', async () => {
  const { clock, rows, written } = scene({}, ['slow'])
  await rows.add(1)
  const flushed = rows.flush()
  await rows.add(2)
  await clock.advance(1_000)
  await flushed
  expect(written()).toEqual([[1], [2]])
  await rows.add(3)
  await clock.advance(50)
  expect(written()).toHaveLength(2)
})

test('tells the next flush of a loss that nobody heard of, once', async () => {
  const { clock, rows } = scene({ tries: 1 }, [new Error('gone')])
  await rows.addAll([1, 2, 3])
  await clock.advance(1)
  await expect(rows.flush()).rejects.toThrow(Unavailable)
  await rows.flush()
})

test('tells flush when onGiveUp itself fails', async () => {
  const onGiveUp = () => {
    throw new Error('the dead letter box is full')
  }
  const { clock, rows } = scene({ tries: 1, onGiveUp }, [new Error('gone')])
  await rows.addAll([1, 2, 3])
  await clock.advance(1)
  await expect(rows.flush()).rejects.toThrow('the dead letter box is full')
})

test('writes everything at close, and takes nothing after it', async () => {
  const { clock, rows, written } = scene({ maxWaiting: 3 })
  for (const row of [1, 2, 3, 4, 5]) void rows.add(row)
  const closed = rows.close()
  await expect(rows.add(6)).rejects.toThrow(BadInput)
  await expect(rows.save(6)).rejects.toThrow(BadInput)
  await expect(rows.addAll([6])).rejects.toThrow('the batcher is closed')
  await clock.advance(0)
  await closed
  expect(written()).toEqual([
    [1, 2, 3],
    [4, 5],
  ])
  await rows.close()
})

test('closes where `await using` ends', async () => {
  const seen: number[] = []
  {
    await using rows = batcher<number>({ size: 10, everyMs: 60_000, write: (given) => void seen.push(...given) })
    await rows.add(1)
    expect(seen).toEqual([])
  }
  expect(seen).toEqual([1])
})

test('parts a refused batch until the row at fault stands alone', async () => {
  const lost: number[][] = []
  const taken: number[] = []
  const ids: string[] = []
  const { clock, rows } = scene({
    size: 8,
    onGiveUp: (given) => lost.push(given),
    write(given, { id }) {
      ids.push(id)
      if (given.includes(6)) throw new BadInput('six is not a price')
      taken.push(...given)
    },
  })
  const saved = Promise.allSettled([1, 2, 3, 4, 5, 6, 7, 8].map((row) => rows.save(row)))
  await clock.advance(0)
  expect(taken).toEqual([1, 2, 3, 4, 5, 7, 8])
  expect(lost).toEqual([[6]])
  expect((await saved).map(({ status }) => status).indexOf('rejected')).toBe(5)
  expect(new Set(ids).size).toBe(ids.length)
})

test('does not part a batch that an earlier attempt may have written', async () => {
  const { clock, rows, calls } = scene({ onGiveUp: () => {} }, [new Error('answer lost'), new BadInput('a bad row')])
  await rows.addAll([1, 2, 3])
  await clock.advance(10_000)
  expect(calls.map(({ id }) => id)).toEqual(['batch 1', 'batch 1'])
})

const wrong: [options: Record<string, unknown>, message: string][] = [
  [{ size: 0 }, 'size is 0; it must be a whole number from 1'],
  [{ size: 5, maxWaiting: 4 }, 'maxWaiting is 4; it must be at least size, which is 5'],
  [{ everyMs: Number.NaN }, 'everyMs is NaN; it must be milliseconds from 0 to 2147483647'],
  [{ tries: 1.5 }, 'tries is 1.5'],
  [{ summary: '' }, 'the summary of a batcher must not be empty'],
  [{ db: {} }, 'a database needs a system'],
  [{ write: 'INSERT' }, 'the write of a batcher needs a function'],
]

for (const [options, message] of wrong) {
  test(`refuses ${JSON.stringify(options)}`, () => {
    expect(() => scene(options)).toThrow(BadInput)
    expect(() => scene(options)).toThrow(message)
  })
}
