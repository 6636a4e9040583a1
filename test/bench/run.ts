// A benchmark as a program: it measures, reports, and clears away what it made however it ends.

import { availableParallelism, loadavg } from 'node:os'
import { type Row, report } from '#test/bench/report.ts'

/** `effortOf` reads the options; a text is what is wrong with them. */
export type Benchmark<Effort> = {
  name: string
  effortOf(argv: readonly string[]): Effort | string
  measure(effort: Effort, signal: AbortSignal): Promise<Row[]>
}

/** Exit codes: 64 for wrong options, 130 when it was stopped, 3 when it could not measure. */
export async function runBenchmark<Effort>(
  { name, effortOf, measure }: Benchmark<Effort>,
  argv: readonly string[],
): Promise<void> {
  const effort = effortOf(argv)
  if (typeof effort === 'string') {
    say(effort)
    process.exitCode = 64
    return
  }
  const stop = new AbortController()
  // Not once: a second Ctrl-C would leave behind what the first one is clearing away.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort(signal))
  try {
    const rows = await measure(effort, stop.signal)
    const averages = loadavg().map((value) => value.toFixed(2))
    process.stdout.write(`${availableParallelism()} cores, load average ${averages.join(' ')}\n`)
    report(rows, argv)
  } catch (error) {
    say(stop.signal.aborted ? `stopped by ${stop.signal.reason}` : `${name}: ${(error as Error).message}`)
    process.exitCode = stop.signal.aborted ? 130 : 3
  }
}

/** To whoever waits for the figures. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`)
}
