// Figures that job code and other parts of the library offer: connection pools, queues, whatever has a state to look at.
// Known to the whole process, because pools are made once and outlive telemetry.

import { checkFunction, checkName, checkOneOf } from '#collector/arguments.ts'
import { type Figure, type Labels, readFigure, type Value } from '#collector/telemetry/figures.ts'
import { warn } from '#collector/telemetry/trouble.ts'

/** `used` and `idle` of what the pool has; `pending`: who waits for one; `max`: how many it, or a queue, may have. */
export type PoolState = {
  used?: number | undefined
  idle?: number | undefined
  pending?: number | undefined
  max?: number | undefined
}

export type PoolOptions = {
  /** `db` uses the names that the semantic conventions have for database pools. Default: pool. */
  kind?: 'pool' | 'db' | undefined
}

type PoolKind = NonNullable<PoolOptions['kind']>
type Pool = { name: string; kind: PoolKind; read: () => PoolState }

const pools = new Map<string, Pool>()
const gauges = new Map<string, Figure>()
const listeners = new Set<(figure: Figure) => void>()

/**
 * Asks `read` for the state of a pool or a queue whenever metrics are collected. A second pool of the same name takes the
 * place of the first. Returns what ends this.
 */
export function observePool(name: string, read: () => PoolState, { kind = 'pool' }: PoolOptions = {}): () => void {
  checkName(name, 'the name of a pool')
  checkFunction(read, `pool '${name}'`)
  checkOneOf(kind, ['pool', 'db'], `the kind of pool '${name}'`)
  const pool: Pool = { name, kind, read }
  pools.set(name, pool)
  return () => {
    if (pools.get(name) === pool) pools.delete(name)
  }
}

/**
 * Asks `read` for a gauge whenever metrics are collected: one number, or one for each set of labels. `name` and `unit` as
 * OpenTelemetry writes them. A second gauge of the same name takes the place of the first. Returns what ends this.
 */
export function observeGauge(
  name: string,
  read: () => number | { value: number; labels: Labels }[],
  { unit = '1', description = '' }: { unit?: string; description?: string } = {},
): () => void {
  checkName(name, 'the name of a gauge')
  checkFunction(read, `gauge '${name}'`)
  const values = () => {
    const current = safely(name, read)
    const all = typeof current === 'number' ? [{ value: current, labels: {} }] : (current ?? [])
    return all.filter(({ value }) => Number.isFinite(value))
  }
  const figure = readFigure('gauge', { name, unit, description }, values)
  gauges.set(name, figure)
  for (const tell of listeners) tell(figure)
  return () => {
    if (gauges.get(name) === figure) gauges.delete(name)
  }
}

/** All of them, as they are now. */
export function observedFigures(): Figure[] {
  return [...POOL_FIGURES, ...gauges.values()]
}

/** Tells of each gauge that is observed from now on; returns what ends this. */
export function onObserved(listener: (figure: Figure) => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

type Names = { count: string; max: string; pending: string; pool: string; state: string; unit: string; of: string }

const NAMES: Record<PoolKind, Names> = {
  pool: {
    count: 'pool.count',
    max: 'pool.max',
    pending: 'pool.pending',
    pool: 'pool.name',
    state: 'pool.state',
    unit: '{item}',
    of: 'pools',
  },
  db: {
    count: 'db.client.connection.count',
    max: 'db.client.connection.max',
    pending: 'db.client.connection.pending_requests',
    pool: 'db.client.connection.pool.name',
    state: 'db.client.connection.state',
    unit: '{connection}',
    of: 'database pools',
  },
}

const POOL_FIGURES: Figure[] = (['pool', 'db'] as const).flatMap((kind) => {
  const names = NAMES[kind]
  const meta = (name: string, description: string) => ({ name, unit: names.unit, description })
  return [
    readFigure('updown', meta(names.count, `What ${names.of} have, by state.`), () =>
      valuesOf(kind, ({ used, idle }, labels) => [
        ...pointOf(used, { ...labels, [names.state]: 'used' }),
        ...pointOf(idle, { ...labels, [names.state]: 'idle' }),
      ]),
    ),
    readFigure('updown', meta(names.max, `What ${names.of} may have.`), () =>
      valuesOf(kind, ({ max }, labels) => pointOf(max, labels)),
    ),
    readFigure('updown', meta(names.pending, `Who waits for ${names.of}.`), () =>
      valuesOf(kind, ({ pending }, labels) => pointOf(pending, labels)),
    ),
  ]
})

function valuesOf(kind: PoolKind, pick: (state: PoolState, labels: Labels) => Value[]): Value[] {
  return [...pools.values()]
    .filter((pool) => pool.kind === kind)
    .flatMap(({ name, read }) => pick(safely(name, read) ?? {}, { [NAMES[kind].pool]: name }))
}

function pointOf(value: number | undefined, labels: Labels): Value[] {
  return typeof value === 'number' && Number.isFinite(value) ? [{ labels, value }] : []
}

/** A reader that throws is left out; the other metrics are not. */
function safely<T>(name: string, read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    warn(`'${name}' could not be read`, error)
    return undefined
  }
}
