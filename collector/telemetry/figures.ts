// Metrics as this process counts them, read at any moment and without waiting, also while the process exits: the reason
// why they are not OpenTelemetry's own instruments, whose collection is asynchronous. Pure but for the counts it keeps.

export type Labels = Readonly<Record<string, string | number | boolean>>

export type Value = { labels: Labels; value: number }

/** `counts` has one more than there are bounds: what is above the last. */
export type Distribution = { labels: Labels; count: number; sum: number; min: number; max: number; counts: number[] }

/** Names and units as OpenTelemetry writes them: `http.client.request.duration` in `s`. */
export type Meta = { name: string; unit: string; description: string }

/** `counter` never falls, `updown` may, and values of both add up over labels; those of a `gauge` do not. */
export type Figure = Meta &
  (
    | { kind: 'counter' | 'updown' | 'gauge'; values(): Value[] }
    | { kind: 'histogram'; bounds: readonly number[]; distributions(): Distribution[] }
  )

/** More different labels than this become one; each costs some 500 bytes and a line in every export. */
export const MOST_SERIES = 1_000
/** By the OpenTelemetry specification. */
const OVERFLOW: Labels = { 'otel.metric.overflow': true }

export type Histogram = Figure & { record(value: number, labels: Labels): void }

/** A value belongs to the first bound that is not below it. */
export function createHistogram(meta: Meta, bounds: readonly number[]): Histogram {
  const series = createSeries((labels): Distribution => {
    const counts = new Array<number>(bounds.length + 1).fill(0)
    return { labels, count: 0, sum: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY, counts }
  })
  return {
    ...meta,
    kind: 'histogram',
    bounds,
    distributions: series.all,
    record(value, labels) {
      const one = series.of(labels)
      one.count += 1
      one.sum += value
      if (value < one.min) one.min = value
      if (value > one.max) one.max = value
      let bucket = 0
      while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket += 1
      one.counts[bucket] = (one.counts[bucket] as number) + 1
    },
  }
}

export type UpDown = Figure & { add(change: number, labels: Labels): void }

export function createUpDown(meta: Meta): UpDown {
  const series = createSeries((labels) => ({ labels, value: 0 }))
  return {
    ...meta,
    kind: 'updown',
    values: series.all,
    add(change, labels) {
      series.of(labels).value += change
    },
  }
}

/** A figure that is read when it is asked for. */
export function readFigure(kind: 'counter' | 'updown' | 'gauge', meta: Meta, values: () => Value[]): Figure {
  return { ...meta, kind, values }
}

/** One entry for each set of labels; callers give the labels of one figure in one order. */
function createSeries<Entry>(open: (labels: Labels) => Entry): { of(labels: Labels): Entry; all(): Entry[] } {
  const entries = new Map<string, Entry>()
  return {
    of(labels) {
      const key = keyOf(labels)
      const known = entries.get(key)
      if (known) return known
      if (entries.size >= MOST_SERIES && labels !== OVERFLOW) return this.of(OVERFLOW)
      const entry = open(labels)
      entries.set(key, entry)
      return entry
    },
    all: () => [...entries.values()],
  }
}

function keyOf(labels: Labels): string {
  let key = ''
  for (const name in labels) key += `${name}=${labels[name]}\n`
  return key
}
