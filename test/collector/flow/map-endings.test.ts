import { getEventListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { MapFunction } from '#collector/flow/mapping.ts'
import { map, ticks } from '#test/collector/flow/maps.ts'

test('begins no more when its loop is left, aborts what runs, waits for it, and closes the source', async () => {
  const begun: number[] = []
  const ended: unknown[] = []
  let isClosed = false
  function* items() {
    try {
      for (let item = 0; ; item += 1) yield item
    } finally {
      isClosed = true
    }
  }
  const mapped = map(items(), { concurrency: 3 }, async (item, _, signal) => {
    begun.push(item)
    if (item > 0) await sleep(60_000, undefined, { signal }).catch(() => ended.push(signal.reason))
  })
  for await (const { item } of mapped) {
    expect(item).toBe(0)
    await ticks(3)
    break
  }
  expect(begun).toEqual([0, 1, 2, 3])
  expect(ended).toHaveLength(3)
  expect(ended[0]).toMatchObject({ name: 'AbortError' })
  expect(isClosed).toBe(true)
})

test('is ended by its signal: rejects with the reason once nothing runs any more, and lets go of the signal', async () => {
  const controller = new AbortController()
  const reason = new Error('the budget is spent')
  const ended: number[] = []
  const mapped = map([0, 1, 2, 3], { concurrency: 2, signal: controller.signal }, async (item, _, signal) => {
    await sleep(60_000, undefined, { signal }).catch(() => ticks(2))
    ended.push(item)
  })
  setImmediate(() => controller.abort(reason))
  await expect(mapped).rejects.toBe(reason)
  expect(ended).toEqual([0, 1])
  const begun: number[] = []
  const late = map([1], { signal: controller.signal }, (item) => begun.push(item))
  await expect(late).rejects.toBe(reason)
  expect(begun).toEqual([])
  const free = new AbortController()
  await map([1], { signal: free.signal }, () => {})
  expect(getEventListeners(free.signal, 'abort')).toHaveLength(0)
})

test('is ended by its signal also while its source never gives the next item', async () => {
  const controller = new AbortController()
  async function* stuck() {
    yield 1
    await new Promise(() => {})
  }
  const reason = new Error('enough')
  const seen: unknown[] = []
  const reading = (async () => {
    for await (const { item } of map(stuck(), { signal: controller.signal }, () => {})) {
      seen.push(item)
      setImmediate(() => controller.abort(reason))
    }
  })()
  await expect(reading).rejects.toBe(reason)
  expect(seen).toEqual([1])
})

test('does not begin an item once it is ended, however close the item is', async () => {
  for (let steps = 0; steps < 40; steps += 1) {
    const controller = new AbortController()
    const late: number[] = []
    const mapped = map([1, 2, 3, 4, 5], { concurrency: 1, signal: controller.signal }, (item, _, signal) => {
      if (signal.aborted) late.push(item)
    })
    const ended = mapped.catch(() => {})
    for (let step = 0; step < steps; step += 1) await Promise.resolve()
    controller.abort()
    await ended
    expect(late).toEqual([])
  }
})

test('stops at the first error when asked to, and gives what came before it in order', async () => {
  const fault = new Error('no such coin')
  const begun: number[] = []
  const aborted: number[] = []
  const fn: MapFunction<number, number> = async (item, _, signal) => {
    begun.push(item)
    if (item === 2) throw fault
    if (item > 2) await sleep(60_000, undefined, { signal }).catch(() => aborted.push(item))
    return item
  }
  const items = [0, 1, 2, 3, 4, 5, 6, 7]
  await expect(map(items, { concurrency: 4, stopOnError: true }, fn)).rejects.toBe(fault)
  expect(begun.length).toBeLessThan(items.length)
  expect(aborted).toEqual(begun.filter((item) => item > 2))
  const seen: number[] = []
  const reading = (async () => {
    for await (const { item } of map(items, { concurrency: 4, stopOnError: true }, fn)) seen.push(item)
  })()
  await expect(reading).rejects.toBe(fault)
  expect(seen).toEqual([0, 1])
})

test('gives the results so far when the source fails, and then its error', async () => {
  const fault = new Error('page 2 is missing')
  function* broken() {
    yield 1
    yield 2
    throw fault
  }
  const done: number[] = []
  const fn = async (item: number) => {
    await ticks(3)
    done.push(item)
  }
  const seen: number[] = []
  const reading = (async () => {
    for await (const { item } of map(broken(), {}, fn)) seen.push(item)
  })()
  await expect(reading).rejects.toBe(fault)
  expect(seen).toEqual([1, 2])
  await expect(map(broken(), {}, fn)).rejects.toBe(fault)
  expect(done).toEqual([1, 2, 1, 2])
})
