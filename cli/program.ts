// The command `cyclewatch`: its options, its commands, and how it ends.

import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { BadInput } from '#model/errors.ts'
import { type ExitCode, endingOf, GOOD, USAGE } from './exit.ts'
import type { Io, Surroundings } from './surroundings.ts'
import { ourPackage } from './version.ts'

type Register = (program: Command, io: Io) => void

// A new command is one more line here. Only what the command line names is loaded, since some bring a lot with them.
const COMMANDS: Record<string, () => Promise<Register>> = {
  up: async () => (await import('./commands/up.ts')).registerUp,
  demo: async () => (await import('./commands/demo.ts')).registerDemo,
  stats: async () => (await import('./commands/stats.ts')).registerStats,
  cycles: async () => (await import('./commands/cycles.ts')).registerCycles,
  cycle: async () => (await import('./commands/cycle.ts')).registerCycle,
  config: async () => (await import('./commands/config.ts')).registerConfig,
  migrate: async () => (await import('./commands/migrate.ts')).registerMigrate,
  doctor: async () => (await import('./commands/doctor.ts')).registerDoctor,
}

/** The commands that the words of a command line name; all of them when none does, for help and suggestions. */
async function loadCommands(argv: readonly string[]): Promise<Register[]> {
  const named = Object.keys(COMMANDS).filter((name) => argv.includes(name))
  const wanted = named.length > 0 && !argv.includes('help') ? named : Object.keys(COMMANDS)
  return Promise.all(wanted.map((name) => (COMMANDS[name] as () => Promise<Register>)()))
}

/** Runs one command line (without node and script) and returns its exit code. Never throws. */
export async function runCli(argv: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  let code: ExitCode = GOOD
  const io: Io = {
    ...surroundings,
    action:
      (run) =>
      async (...args) => {
        code = await run(...args)
      },
  }
  try {
    await buildProgram(io, argv, await loadCommands(argv)).parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    return report(error, surroundings)
  }
}

/** Says on stderr what went wrong and returns the exit code for it. */
export function report(error: unknown, { env, stderr }: Pick<Surroundings, 'env' | 'stderr'>): ExitCode {
  if (error instanceof CommanderError && error.exitCode === 0) return GOOD
  // Help in place of a missing command was printed by commander already.
  if (error instanceof CommanderError && error.code === 'commander.help') return USAGE
  const ending = endingOf(error instanceof CommanderError ? asBadInput(error) : error, Boolean(env.CYCLEWATCH_DEBUG))
  for (const line of ending.lines) stderr.write(`${line}\n`)
  return ending.code
}

function asBadInput({ message }: CommanderError): BadInput {
  return new BadInput(message.replace(/^error: /, ''))
}

/** Behind the name of a command `--version` is an option of that command: `cycles --version 1.4.0`. */
function versionFlags(argv: readonly string[]): string {
  const isValue = (index: number) => /^--(config|url)$/.test(argv[index - 1] ?? '')
  const command = argv.findIndex((word, index) => Object.hasOwn(COMMANDS, word) && !isValue(index))
  return command === -1 || argv.slice(0, command).includes('--version') ? '-V, --version' : '-V'
}

function buildProgram(io: Io, argv: readonly string[], commands: Register[]): Command {
  const { description, version } = ourPackage()
  const program = new Command('cyclewatch')
    .description(description)
    .version(version, versionFlags(argv))
    .option('--config <file>', 'configuration file (default: cyclewatch.yaml in the working directory)', nonEmpty)
    .option('--json', 'print one JSON document instead of text')
    .option('--url <url>', 'where a running Cyclewatch answers (default: from the configuration)', httpUrl)
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      'after',
      '\nTimes are printed in UTC. Exit codes: 0 good, 1 no, 2 cannot tell, 3 could not run, 64 usage.',
    )
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      // Errors are printed once, by `report`.
      outputError: () => {},
    })
    .exitOverride()
  for (const register of commands) register(program, io)
  return program
}

function nonEmpty(value: string): string {
  if (value.trim() === '') throw new InvalidArgumentError('It must not be empty.')
  return value
}

function httpUrl(value: string): string {
  const protocol = URL.parse(value)?.protocol
  if (protocol !== 'http:' && protocol !== 'https:')
    throw new InvalidArgumentError('Write it as http://localhost:4380.')
  return value
}
