import { createHook } from 'node:async_hooks'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { cycle } from '#collector/collector.ts'
import { openSockets } from '#collector/telemetry/sockets.ts'
import { serve } from '#test/collector/receiver.ts'
import { start, until } from '#test/collector/telemetry/telling.ts'

/** The root span of a cycle that does this. */
async function rootOf(fn: () => unknown) {
  const { receiver, telemetry } = await start()
  await cycle('coins', fn)
  await telemetry.flush()
  return receiver.one('coins').attributes as Record<string, number>
}

function block(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

test('tells how long the event loop was held up', async () => {
  const attributes = await rootOf(async () => {
    await sleep(50)
    block(200)
    await sleep(50)
  })
  expect(attributes['cycle.eventloop.delay_max_ms']).toBeGreaterThan(120)
  expect(attributes['cycle.eventloop.delay_max_ms']).toBeGreaterThan(
    attributes['cycle.eventloop.delay_mean_ms'] as number,
  )
  expect(attributes['cycle.eventloop.delay_mean_ms']).toBeGreaterThan(0)
})

test('tells it of a cycle that never lets the event loop run', async () => {
  const attributes = await rootOf(() => block(150))
  expect(attributes['cycle.eventloop.delay_max_ms']).toBeGreaterThan(100)
})

test('blames a cycle only for delays in its own time', async () => {
  const { receiver, telemetry } = await start()
  await cycle('long', async () => {
    await sleep(30)
    block(150)
    await cycle('short', () => {})
    await sleep(30)
  })
  await telemetry.flush()
  const delayOf = (name: string) => receiver.one(name).attributes['cycle.eventloop.delay_max_ms'] as number
  expect(delayOf('long')).toBeGreaterThan(100)
  expect(delayOf('short')).toBeLessThan(100)
})

test('tells the peak of memory and its share of the limit', async () => {
  const attributes = await rootOf(async () => {
    const much = Buffer.alloc(64 * 2 ** 20, 1)
    await sleep(200)
    return much
  })
  expect(attributes['cycle.memory.peak_bytes']).toBeGreaterThan(64 * 2 ** 20)
  expect(attributes['cycle.memory.peak_share']).toBeGreaterThan(0)
  expect(attributes['cycle.memory.peak_share']).toBeLessThanOrEqual(1)
})

test('counts the sockets that were open, whoever opened them', async () => {
  const server = await serve(() => {})
  const { port } = new URL(server.url)
  const attributes = await rootOf(async () => {
    const sockets = Array.from({ length: 7 }, () => connect(Number(port), '127.0.0.1'))
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    await sleep(100)
    for (const socket of sockets) socket.destroy()
  })
  expect(attributes['cycle.sockets.peak']).toBeGreaterThanOrEqual(7)
  await server.close()
  const before = openSockets()
  const closed = Promise.withResolvers<void>()
  connect(1, '127.0.0.1')
    .on('error', () => {})
    .on('close', () => closed.resolve())
  expect(openSockets()).toBe(before + 1)
  await closed.promise
  await until(() => openSockets() <= before, 'the socket to be counted as closed')
})

test('looks at the process only while a cycle runs, also without telemetry', async () => {
  const timers = new Set<number>()
  let running = true
  let made = 0
  const hook = createHook({
    init(id, type) {
      if (!running || type !== 'Timeout') return
      timers.add(id)
      made += 1
    },
    destroy: (id) => void timers.delete(id),
  }).enable()
  await Promise.all([cycle('coins', () => sleep(30)), cycle('coins', () => sleep(60))])
  running = false
  expect(made).toBeGreaterThanOrEqual(3)
  await until(() => timers.size === 0, 'every timer to be cleared')
  hook.disable()
})
