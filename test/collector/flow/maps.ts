// A cycle to call map in, and what is read from its results.

import { trace } from '@opentelemetry/api'
import { type MapOptions, mapIn } from '#collector/flow/map.ts'
import type { MapFunction, MapResult } from '#collector/flow/mapping.ts'
import { begin, type Ongoing } from '#collector/ongoing.ts'

export function openCycle(): Ongoing {
  const tracer = trace.getTracer('test')
  return begin('coins', tracer, {}, (startTime) => tracer.startSpan('coins', { root: true, startTime }))
}

export function map<T, R>(items: Iterable<T> | AsyncIterable<T>, options: MapOptions, fn: MapFunction<T, R>) {
  return mapIn(openCycle(), items, options, fn)
}

export async function collected<T>(source: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const each of source) found.push(each)
  return found
}

export async function ticks(count: number): Promise<void> {
  for (let tick = 0; tick < count; tick += 1) await new Promise(setImmediate)
}

/** What a result holds, where it is done. */
export function valueFrom<T, R>(result: MapResult<T, R> | undefined): R | undefined {
  return result?.state === 'done' ? result.value : undefined
}
