// How many steps of a cycle were in flight, on average. A step that contains others counts as they do, not in
// addition, so fetching ten pages inside one step is ten, not eleven. Times are milliseconds of one monotonic clock.

/** `area` is the integral of `inFlight` over time up to `since`. */
export type Gauge = { inFlight: number; area: number; since: number }

/** A step as the gauge sees it; the cycle itself is the one without a parent and is never counted. */
export type Node = { parent: Node | null; children: number; ended: boolean }

export function openGauge(at: number): Gauge {
  return { inFlight: 0, area: 0, since: at }
}

export function enter(gauge: Gauge, parent: Node, at: number): Node {
  move(gauge, at, countsItself(parent) ? 0 : 1)
  parent.children += 1
  return { parent, children: 0, ended: false }
}

export function leave(gauge: Gauge, node: Node, at: number): void {
  const counted = countsItself(node)
  node.ended = true
  const { parent } = node
  if (parent) parent.children -= 1
  move(gauge, at, (counted ? -1 : 0) + (parent && countsItself(parent) ? 1 : 0))
}

/** The mean from `from` to `to`; 0 for a cycle that took no time. */
export function meanOver(gauge: Gauge, from: number, to: number): number {
  move(gauge, to, 0)
  return to > from ? gauge.area / (to - from) : 0
}

function countsItself(node: Node): boolean {
  return node.parent !== null && !node.ended && node.children === 0
}

function move(gauge: Gauge, at: number, change: number): void {
  gauge.area += gauge.inFlight * (at - gauge.since)
  gauge.since = at
  gauge.inFlight += change
}
