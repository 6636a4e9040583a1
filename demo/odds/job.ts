// What both odds collectors have in common: how they are started, and what each run says about itself.

export type OddsOptions = {
  /** The API's address, without a slash at the end. */
  upstream: string
  /** The SQLite file that keeps the odds; created where missing. */
  file: string
  /** How many times faster than the original everything goes that waits for time to pass. */
  scale: number
}

export type OddsJob = AsyncDisposable & { run(number: number): Promise<OddsRun> }

export type OddsRun = {
  /** The moment the odds were true, by the API's clock, and when the run had them, by `performance.now()`. */
  asOf: number
  servedAt: number
  quotes: number
  /** How long the run waited for the database, in real milliseconds. */
  writeMs: number
}
