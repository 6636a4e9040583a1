#!/usr/bin/env node
// The first file of the command. It has no static import and keeps to old syntax, so that an old Node gets as far as
// the message below. Nothing else touches the process: its arguments, environment, streams, signals and end.

if (Number(process.versions.node.split('.')[0]) < 26) {
  process.stderr.write(`cyclewatch: needs Node 26 or later; this is Node ${process.versions.node}\n`)
  process.exitCode = 3
} else {
  // Compiled code is kept for the next start, beside us: the default folder is one that others may write to.
  process.getBuiltinModule('node:module').enableCompileCache(`${import.meta.dirname}/../node_modules/.cache/cyclewatch`)
  // What is received lies outside of the heap and is freed with the small objects that hold it. A young generation that
  // stays small is cleared often and cheaply; one that grows leaves it to collections of the whole heap.
  process.getBuiltinModule('node:v8').setFlagsFromString('--semi-space-growth-factor=1')
  import('./program.ts').then(start).catch(cannotStart)
}

function start(program: typeof import('./program.ts')): void {
  let stop: AbortController | null = null
  const surroundings = {
    env: process.env,
    cwd: process.cwd(),
    stdout: process.stdout,
    stderr: process.stderr,
    stopSignal: () => {
      if (stop === null) stop = stopOnSignals()
      return stop.signal
    },
  }
  const fail = (error: unknown) => leave(program.report(error, surroundings))
  // A closed pipe (`| head`) is no error: what runs on is asked to stop, all else ends here.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') giveUp(`cannot write to stdout: ${error.message}`)
    else if (stop) stop.abort('EPIPE')
    else process.exit(0)
  })
  process.stderr.on('error', () => undefined)
  process.on('uncaughtException', fail)
  program.runCli(process.argv.slice(2), surroundings).then(leave)
}

/**
 * A second Ctrl-C ends the process at once. The listeners stay, because a library that restores the cursor on signals
 * would otherwise find itself alone and end the process at the first.
 */
function stopOnSignals(): AbortController {
  const stop = new AbortController()
  const signals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }
  for (const [signal, number] of Object.entries(signals)) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(128 + number)
      stop.abort(signal)
    })
  }
  return stop
}

/** Waits until what was written has left or failed, which `process.exit` alone does not. */
function leave(code: number): void {
  const exit = () => process.exit(process.exitCode || code)
  process.stdout.write('', () => process.stderr.write('', () => setImmediate(exit)))
}

/** The program could not even be loaded: a package is missing, or the working directory is gone. */
function cannotStart(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  giveUp(`cannot start: ${message.split('\n')[0]}`)
}

function giveUp(message: string): void {
  process.stderr.write(`cyclewatch: ${message}\n`)
  process.exitCode = 3
}
