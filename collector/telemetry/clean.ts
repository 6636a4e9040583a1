// The last look at a span or log record before it leaves, whoever made it: secrets hidden, and nothing in it that a
// receiver could choke on, because one bad value makes a receiver refuse the whole batch.

import { LONGEST_TEXT, redact, redactCut } from '#collector/redact.ts'
import type { ExportedRecord, ExportedSpan } from '#collector/telemetry/wirings.ts'

type Values = Record<string, unknown>

/** Changes the span in place: it has ended, and copying every span would cost more than the look. */
export function cleanSpan(span: ExportedSpan): void {
  const writable = span as { name: string; status: { message?: string } }
  const name = cleanText(span.name)
  if (name !== span.name) writable.name = name
  if (span.status.message !== undefined) writable.status.message = cleanText(span.status.message)
  cleanValues(span.attributes as Values)
  for (const event of span.events) if (event.attributes) cleanValues(event.attributes as Values)
  for (const link of span.links) if (link.attributes) cleanValues(link.attributes as Values)
}

/** Likewise; only while it is being emitted, for OpenTelemetry locks it afterwards. */
export function cleanRecord(record: ExportedRecord): void {
  const writable = record as { body?: unknown }
  const body = cleanValue(record.body)
  if (body !== record.body) writable.body = body
  cleanValues(record.attributes as Values)
}

/** Changes the values in place, nested ones included. */
export function cleanValues(values: Values): void {
  for (const key in values) {
    const value = values[key]
    const better = cleanValue(value)
    if (better !== value) values[key] = better
  }
}

function cleanValue(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value)
  if (typeof value === 'number') return cleanNumber(value)
  if (Array.isArray(value)) {
    const better = value.map(cleanValue)
    return better.some((item, index) => item !== value[index]) ? better : value
  }
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) cleanValues(value as Values)
  return value
}

/** A lone surrogate is no Unicode text. As long as a text may be, it was probably longer before OpenTelemetry cut it. */
function cleanText(text: string): string {
  const short = text.length > LONGEST_TEXT ? text.slice(0, LONGEST_TEXT) : text
  const wellFormed = short.isWellFormed() ? short : short.toWellFormed()
  return text.length < LONGEST_TEXT ? redact(wellFormed) : redactCut(wellFormed)
}

/** NaN and the infinities have no JSON, and whole numbers beyond 2^53 overflow the integer they would be sent as. */
function cleanNumber(value: number): number | string {
  return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value)) ? value : String(value)
}
