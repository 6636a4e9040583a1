// Where the next page of a history starts, as text that only we read.

import { z } from '@hono/zod-openapi'
import type { Mark } from '#analysis/history.ts'
import { BadInput } from '#model/errors.ts'
import type { Sort } from '#storage/cycles.ts'

const shape = z.tuple([z.string(), z.boolean(), z.string().regex(/^-?\d{1,19}$/), z.string().regex(/^[0-9a-f]{32}$/)])

export function writeCursor({ running, place, traceId }: Mark, sort: Sort): string {
  return Buffer.from(JSON.stringify([sort, running, place, traceId])).toString('base64url')
}

/** Throws BadInput when the cursor is not one of ours, or of a list in another order. */
export function readCursor(text: string, sort: Sort): Mark {
  const [order, running, place, traceId] = parse(text)
  if (order !== sort) throw new BadInput(`cursor: it belongs to a list sorted by ${order}, not by ${sort}`)
  return { running, place, traceId }
}

function parse(text: string): z.infer<typeof shape> {
  try {
    return shape.parse(JSON.parse(Buffer.from(text, 'base64url').toString()))
  } catch (cause) {
    throw new BadInput('cursor: it is not one of a page of this list', { cause })
  }
}
