// What the tables of faults share: a table is a text, one row a line, so that a column more is a column more.

import { expect } from 'vitest'
import type { FetchResult } from '#collector/collector.ts'
import { PHASES } from '#model/attributes.ts'
import { NAMES } from '#test/collector/faults/names.ts'
import type { Upstream } from '#test/collector/faults/upstream.ts'
import { phases, sum } from '#test/collector/fetching.ts'
import type { ReceivedSpan } from '#test/collector/receiver.ts'

export const WITHOUT_RETRIES = { retries: 0 }

/** Cells by the name of their column; those missing at the end of a line are empty. */
export function rowsOf(table: string): Record<string, string>[] {
  const [head = [], ...rows] = table
    .trim()
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
  return rows.map((cells) => Object.fromEntries(head.map((column, index) => [column, cells[index] ?? ''])))
}

/** Of a name of names.ts, a host of the upstream, or else a timeline of words.ts. */
export function addressOf(upstream: Upstream, fault: string): string {
  if (fault in NAMES) return `http://${NAMES[fault as keyof typeof NAMES]}/`
  return fault in upstream.hosts ? upstream.hosts[fault as keyof Upstream['hosts']] : upstream.plan(fault).url
}

/** What the job sees: status and body, or the code (the name of an error without one) and the message. */
export async function seen(outcome: PromiseSettledResult<FetchResult>): Promise<string> {
  if (outcome.status === 'fulfilled') {
    const text = await outcome.value.text()
    return `${outcome.value.status} ${text.length > 100 ? `${text.length} characters` : text}`
  }
  const { name, code, message } = outcome.reason as Error & { code?: unknown }
  return `${typeof code === 'string' ? code : name} ${message}`
}

/** Matches what `seen` gives when it begins with the cell's first word and has the others in it. */
export function seeing(cell = ''): RegExp {
  const [first = '', ...saying] = cell.split(' ')
  return new RegExp(`^${RegExp.escape(first)} [^]*${RegExp.escape(saying.join(' '))}`)
}

/** Every message on the way to the cause, each with its stack. */
export function wordsOf(outcome: PromiseSettledResult<unknown>): string[] {
  const words: string[] = []
  let error: unknown = outcome.status === 'rejected' ? outcome.reason : undefined
  for (; error instanceof Error; error = error.cause) words.push(error.message, error.stack ?? '')
  return words
}

/** The phases an attempt went through, in their order. */
export function phasesOf(span: ReceivedSpan | undefined): string {
  const found = phases(span)
  return PHASES.filter((phase) => phase in found).join(' ')
}

/** What holds for every attempt: phases add up to its duration, and it is marked as failed when it says why. */
export function checkSpan(span: ReceivedSpan): void {
  expect(sum(phases(span))).toBeCloseTo(span.durationMs, 1)
  expect(span.status.code).toBe(span.attributes['error.type'] === undefined ? 0 : 2)
}
