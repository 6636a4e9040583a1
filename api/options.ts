import type { Registry } from 'prom-client'
import type { Database } from '#storage/client.ts'

/** What the API needs from outside. `now` is epoch milliseconds; `report` hears of bugs. */
export type ApiOptions = {
  db: Database
  version: string
  /** Host names it may be asked under, besides those of loopback. */
  hosts: string[]
  /** What `/metrics` shows. */
  registry: Registry
  now: () => number
  report: (bug: unknown) => void
}
