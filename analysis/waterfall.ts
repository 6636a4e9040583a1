// The spans of one trace in the order a waterfall draws them: every parent before its children, siblings by start.

import type { SpanRow } from '#storage/cycles.ts'

/** `startMs` counts from the start of the cycle and is negative where clocks disagree. `parent` says where it hangs. */
export type WaterfallRow = {
  spanId: string
  depth: number
  parent: 'none' | 'present' | 'missing'
  name: string
  kind: string
  service: string
  startMs: number
  durationMs: number
  status: string
  message: string
  attributes: Record<string, string>
  events: { name: string; atMs: number; attributes: Record<string, string> }[]
}

/**
 * A span whose parent never came hangs below the root; parents that point in a circle are treated as missing. Of a running
 * cycle `runningSince`, epoch milliseconds, stands for the root, which nothing but its end brings.
 */
export function waterfall(spans: SpanRow[], runningSince: number | null = null): WaterfallRow[] {
  const known = new Set(spans.map(({ spanId }) => spanId))
  const children = Map.groupBy(spans, ({ parentSpanId }) => parentSpanId)
  const roots = children.get('') ?? []
  const first = BigInt((roots[0] ?? spans[0])?.startNano ?? 0)
  const zero = runningSince === null ? first : BigInt(runningSince) * 1_000_000n
  const drawn = new Set<string>()
  const rows: WaterfallRow[] = []

  function draw(from: SpanRow, depth: number, parent: WaterfallRow['parent']): void {
    const stack = [{ span: from, depth, parent }]
    for (let next = stack.pop(); next; next = stack.pop()) {
      const { span, depth: level } = next
      if (drawn.has(span.spanId)) continue
      drawn.add(span.spanId)
      rows.push(toRow(span, level, next.parent, zero))
      const below = (children.get(span.spanId) ?? []).toReversed()
      for (const child of below) stack.push({ span: child, depth: level + 1, parent: 'present' })
    }
  }

  for (const root of roots) draw(root, 0, 'none')
  const detached = roots.length > 0 || runningSince !== null ? 1 : 0
  for (const span of spans) if (!known.has(span.parentSpanId)) draw(span, detached, 'missing')
  for (const span of spans) draw(span, detached, 'missing')
  return rows
}

function toRow(span: SpanRow, depth: number, parent: WaterfallRow['parent'], zero: bigint): WaterfallRow {
  const since = (nano: string) => Number(BigInt(nano) - zero) / 1e6
  return {
    spanId: span.spanId,
    depth,
    parent,
    name: span.name,
    kind: span.kind,
    service: span.service,
    startMs: since(span.startNano),
    durationMs: span.durationMs,
    status: span.status,
    message: span.message,
    attributes: span.attributes,
    events: span.eventNames.map((name, index) => ({
      name,
      atMs: since(span.eventNanos[index] ?? span.startNano),
      attributes: span.eventAttributes[index] ?? {},
    })),
  }
}
