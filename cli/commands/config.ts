// cyclewatch config check

import type { Command } from 'commander'
import { stringify } from 'yaml'
import { loadConfig } from '#cli/config.ts'
import { GOOD } from '#cli/exit.ts'
import { harmless } from '#cli/harmless.ts'
import { print, printJson } from '#cli/output.ts'
import type { GlobalOptions, Io } from '#cli/surroundings.ts'

export function registerConfig(program: Command, io: Io): void {
  program
    .command('config')
    .description('look at the configuration')
    .command('check')
    .description('report every problem of the configuration, or print it with its defaults, secrets as ***')
    .action(io.action(() => check(io, program.opts<GlobalOptions>())))
}

function check(io: Io, { config: named, json }: GlobalOptions): typeof GOOD {
  const { file, shown } = loadConfig({ cwd: io.cwd, env: io.env, file: named })
  if (json) printJson(io, { file, config: shown })
  else print(io, `# ${file === null ? 'there is no cyclewatch.yaml: all defaults' : harmless(file)}\n${asYaml(shown)}`)
  return GOOD
}

function asYaml(value: unknown): string {
  return stringify(value).trimEnd()
}
