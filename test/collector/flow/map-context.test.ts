import { type Context, context } from '@opentelemetry/api'
import { afterEach, expect, test } from 'vitest'
import { startTelemetry } from '#collector/collector.ts'
import { mapIn, perHostIn } from '#collector/flow/map.ts'
import { stepIn } from '#collector/steps.ts'
import { map, openCycle, ticks, valueFrom } from '#test/collector/flow/maps.ts'
import { type Receiver, startReceiver } from '#test/collector/receiver.ts'

const started: { receiver: Receiver; telemetry: { shutdown(): Promise<void>; flush(): Promise<void> } }[] = []
afterEach(async () => {
  for (const { receiver, telemetry } of started.splice(0)) {
    await telemetry.shutdown()
    await receiver.close()
  }
})

async function recorded() {
  const receiver = await startReceiver()
  const telemetry = startTelemetry({ service: 'coins', endpoint: receiver.url })
  started.push({ receiver, telemetry })
  return { receiver, telemetry }
}

test('hangs the steps of items, and of a source of steps, where the map was called, however results are taken', async () => {
  const { receiver, telemetry } = await recorded()
  const ongoing = openCycle()
  async function* pages() {
    for (const page of [1, 2, 3, 4]) yield stepIn(ongoing, 'page', 'compute', () => page)
  }
  const held: Context[] = []
  const work = (item: number) =>
    stepIn(ongoing, `item ${item}`, 'compute', () => {
      held.push(context.active())
      return perHostIn(context.active())?.('h')
    })
  await stepIn(ongoing, 'streamed', 'compute', async () => {
    const mapped = mapIn(ongoing, pages(), { concurrency: 2, perHost: 3 }, work)
    await stepIn(ongoing, 'reader', 'compute', async () => {
      for await (const result of mapped) {
        expect(valueFrom(result)?.limit).toBe(3)
        await stepIn(ongoing, 'store', 'db', () => ticks(1))
      }
    })
  })
  expect(held.map((each) => perHostIn(each)?.('h').limit)).toEqual([3, 3, 3, 3])
  const outside = context.active()
  await stepIn(ongoing, 'awaited', 'compute', async () => {
    const mapped = mapIn(ongoing, [5, 6], {}, work)
    await context.with(outside, () => mapped)
  })
  ongoing.span.end()
  await telemetry.flush()
  const parentOf = (name: string) => receiver.named(name).map(({ parentSpanId }) => parentSpanId)
  const streamed = receiver.one('streamed').spanId
  for (const item of [1, 2, 3, 4]) expect(parentOf(`item ${item}`)).toEqual([streamed])
  expect(parentOf('page')).toEqual([streamed, streamed, streamed, streamed])
  expect(new Set(parentOf('store'))).toEqual(new Set([receiver.one('reader').spanId]))
  for (const item of [5, 6]) expect(parentOf(`item ${item}`)).toEqual([receiver.one('awaited').spanId])
  expect(receiver.spans.filter(({ attributes }) => attributes['step.kind'] === 'wait')).toEqual([])
})
test('offers one set of permits for each host, the innermost map’s, also without telemetry', async () => {
  const here = () => perHostIn(context.active())
  expect(here()).toBeUndefined()
  const outer = await map([1, 2], { perHost: 2 }, async () => {
    await ticks(1)
    const nested = await map([1], { perHost: 1 }, () => here()?.('a.org'))
    const through = await map([1], {}, () => here()?.('a.org'))
    return {
      own: here()?.('a.org'),
      other: here()?.('b.org'),
      nested: valueFrom(nested[0]),
      through: valueFrom(through[0]),
    }
  })
  const [first, second] = outer.map(valueFrom)
  expect(first?.own?.limit).toBe(2)
  expect(second?.own).toBe(first?.own)
  expect(first?.through).toBe(first?.own)
  expect(first?.other).not.toBe(first?.own)
  expect(first?.nested?.limit).toBe(1)
  const [again] = (await map([1], { perHost: 2 }, () => here()?.('a.org'))).map(valueFrom)
  expect(again).not.toBe(first?.own)
  expect(here()).toBeUndefined()
})
