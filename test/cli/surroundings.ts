// Surroundings for commands run in this process: what they print is kept.

import { PassThrough } from 'node:stream'
import { runCli } from '#cli/program.ts'
import type { Surroundings } from '#cli/surroundings.ts'

export type Ran = { code: number; out: string; err: string }

/** Runs one command line in this process; `given` replaces parts of the surroundings. */
export async function run(argv: string[], given: Partial<Pick<Surroundings, 'cwd' | 'env'>> = {}): Promise<Ran> {
  const [stdout, stderr] = [output(), output()]
  const stopSignal = () => new AbortController().signal
  const code = await runCli(argv, { env: {}, cwd: '/nowhere', stdout, stderr, stopSignal, ...given })
  return { code, out: written(stdout), err: written(stderr) }
}

/** A stream that keeps what is written to it. */
export function output(): PassThrough {
  return new PassThrough({ highWaterMark: 1_000_000 })
}

/** What was written to it since the last call. */
export function written(stream: PassThrough): string {
  const chunk = stream.read()
  // One read gives one chunk.
  return chunk === null ? '' : String(chunk) + written(stream)
}
