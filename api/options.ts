import type { Database } from '#storage/client.ts'

/** What the API needs from outside. `now` is epoch milliseconds; `report` hears of bugs. */
export type ApiOptions = {
  db: Database
  version: string
  publicUrl: string | null
  now: () => number
  report: (bug: unknown) => void
}
