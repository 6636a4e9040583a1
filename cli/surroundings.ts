// The world a command lives in, handed in so that tests can hand in another.

import type { ExitCode } from './exit.ts'

/** A stream for text, and what a command wants to know of it. */
export type Output = NodeJS.WritableStream & { isTTY?: boolean; columns?: number; rows?: number }

export type Surroundings = {
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  stdout: Output
  stderr: Output
  /** Fires when the user wants an end (Ctrl-C, SIGTERM). Until first called, such a signal simply ends the process. */
  stopSignal(): AbortSignal
}

/** Resolves when the signal has fired. */
export function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** The options every command has. */
export type GlobalOptions = {
  /** `--config`: the configuration file, relative to `cwd`. */
  config?: string
  /** `--json`: one JSON document on stdout instead of text for people. */
  json?: boolean
  /** `--url`: where a running Cyclewatch answers. */
  url?: string
}

/** What a command registers itself with: its surroundings, and the way to give its exit code. */
export type Io = Surroundings & {
  /** Makes a commander action of a function whose result is the exit code; errors it throws are sorted by exit.ts. */
  action<Arguments extends unknown[]>(
    run: (...args: Arguments) => ExitCode | Promise<ExitCode>,
  ): (...args: Arguments) => Promise<void>
}
