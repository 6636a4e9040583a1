import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Outlet, Sent } from '#collector/telemetry/outlet.ts'
import { createQueue, type Failure, type QueueLimits, SPAN_KIND, thinned } from '#collector/telemetry/queue.ts'
import type { ExportedSpan } from '#collector/telemetry/wirings.ts'

/** As much of a span as the queue looks at; roots have names in capitals. */
function span(name: string): ExportedSpan {
  const isRoot = name === name.toUpperCase()
  const fake = { name, status: {}, attributes: {}, events: [], links: [], parentSpanContext: isRoot ? undefined : {} }
  return fake as unknown as ExportedSpan
}

const NO_LETTERS: Outlet<unknown>['letters'] = () => ({ url: '', headers: {}, bodies: [] })

/** A queue whose outlet answers as told, one answer an export and the last for all that follow. */
function queueOf(answers: Sent[], limits: Partial<QueueLimits> = {}, answerMs = 1) {
  const sent: string[] = []
  const failures: Failure[] = []
  const outlet = {
    async send(spans: ExportedSpan[]) {
      sent.push(spans.map((each) => each.name).join(''))
      await sleep(answerMs)
      return (answers.length > 1 ? answers.shift() : answers[0]) as Sent
    },
    letters: NO_LETTERS,
    close() {},
  }
  const kind = { ...SPAN_KIND, limits: { ...SPAN_KIND.limits, ...limits } }
  const queue = createQueue(kind, outlet, (failure) => failures.push(failure))
  return { queue, sent, failures, add: (names: string) => [...names].forEach((name) => void queue.add(span(name))) }
}

const STORED: Sent = { state: 'stored' }
const DOWN: Sent = { state: 'unreachable', message: 'nobody there' }

test('sends in batches, one after the other, in order', async () => {
  const { queue, sent, add } = queueOf([STORED], { batchSize: 3 })
  add('abcdefgH')
  await queue.flush(1_000)
  expect(sent).toEqual(['abc', 'def', 'gH'])
  expect(queue.pending()).toEqual([])
})

test('sends by itself once a batch is full, and after the delay', async () => {
  const { sent, add } = queueOf([STORED], { batchSize: 2, delayMs: 20 })
  add('ab')
  await sleep(10)
  expect(sent).toEqual(['ab'])
  add('c')
  await sleep(60)
  expect(sent).toEqual(['ab', 'c'])
})

test('keeps what could not be delivered and sends it later', async () => {
  const { queue, sent, failures, add } = queueOf([DOWN, STORED], { pauseMs: 30, delayMs: 5 })
  add('ab')
  await queue.flush(1_000)
  expect(queue.pending()).toHaveLength(2)
  add('c')
  await sleep(100)
  expect(sent).toEqual(['ab', 'ab', 'c'])
  expect(failures).toEqual([{ message: 'nobody there', lost: 0 }])
})

test('repeats the batch that failed as it was, before anything new, until it is taken', async () => {
  const { queue, sent, add } = queueOf([DOWN, DOWN, STORED], { batchSize: 4, pauseMs: 1 })
  add('abc')
  await queue.flush(1_000)
  add('dEf')
  await queue.flush(1_000)
  add('gh')
  await queue.flush(1_000)
  expect(sent).toEqual(['abc', 'abc', 'abc', 'dEfg', 'h'])
  expect(queue.pending()).toEqual([])
})

test('repeats the batch that failed by itself when nothing new comes', async () => {
  const { sent, add, queue } = queueOf([DOWN, STORED], { pauseMs: 20, delayMs: 5 })
  add('ab')
  await queue.flush(1_000)
  await sleep(100)
  expect(sent).toEqual(['ab', 'ab'])
})

test('takes nothing out of the batch that failed when the queue is full', async () => {
  const { queue, sent, failures, add } = queueOf([DOWN, STORED], { maxItems: 8, batchSize: 3, pauseMs: 60_000 })
  add('abc')
  await queue.flush(1_000)
  add('defgHij')
  expect(queue.pending().length).toBeLessThanOrEqual(8)
  expect(failures.map((failure) => failure.lost)).toEqual([0, 1, 1])
  await queue.flush(1_000)
  expect(sent).toEqual(['abc', 'abc', 'fgH', 'ij'])
})

test('parts what is on the way from what waits, for a process that exits', async () => {
  const { queue, add } = queueOf([STORED], { batchSize: 2 }, 30)
  add('abc')
  const flushed = queue.flush(1_000)
  add('d')
  expect(queue.batches().map((spans) => spans.map((each) => each.name).join(''))).toEqual(['ab', 'cd'])
  await flushed
  expect(queue.batches()).toEqual([])
})

test('gives up what was refused, and goes on', async () => {
  const { queue, sent, failures, add } = queueOf([{ state: 'refused', message: 'bad' }, STORED], { batchSize: 2 })
  add('abcd')
  await queue.flush(1_000)
  expect(sent).toEqual(['ab', 'cd'])
  expect(failures).toEqual([{ message: 'bad', lost: 2 }])
})

test('waits as long as it was told to', async () => {
  const { queue, sent, add } = queueOf([{ ...DOWN, retryAfterMs: 80 }, STORED], { pauseMs: 1, delayMs: 1 })
  add('a')
  await queue.flush(1_000)
  queue.flushSoon()
  await sleep(40)
  expect(sent).toEqual(['a'])
  await sleep(120)
  expect(sent).toEqual(['a', 'a'])
})

test('never holds more than its limit, and says how much was lost', () => {
  const { queue, failures, add } = queueOf([DOWN], { maxItems: 16, batchSize: 16 })
  for (let i = 0; i < 1_000; i += 1) add('s')
  expect(queue.pending().length).toBeLessThanOrEqual(16)
  expect(failures.reduce((lost, failure) => lost + failure.lost, 0) + queue.pending().length).toBe(1_000)
})

test('returns from a flush in time when nothing answers', async () => {
  const queue = createQueue(SPAN_KIND, { send: () => new Promise(() => {}), letters: NO_LETTERS, close() {} }, () => {})
  queue.add(span('a'))
  const startedAt = performance.now()
  await queue.flush(50)
  expect(performance.now() - startedAt).toBeLessThan(5_000)
  expect(queue.pending()).toHaveLength(1)
})

test('goes on with a flush as long as batches get through', async () => {
  const { queue, sent, add } = queueOf([STORED], { batchSize: 1 }, 30)
  add('abcdefgh')
  await queue.flush(100)
  expect(sent.join('')).toBe('abcdefgh')
})

const thinnings: [what: string, spans: string, count: number, kept: string][] = [
  ['drops the oldest steps first', 'abRcdS', 2, 'RcdS'],
  ['spares roots', 'RaSb', 2, 'RS'],
  ['drops the oldest roots when there are only roots', 'RST', 2, 'T'],
  ['drops roots only after all steps', 'RaS', 2, 'S'],
]

for (const [what, spans, count, kept] of thinnings) {
  test(what, () =>
    expect(
      thinned([...spans].map(span), count, SPAN_KIND.isPrecious)
        .map((each) => each.name)
        .join(''),
    ).toBe(kept),
  )
}
