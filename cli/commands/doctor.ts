// cyclewatch doctor

import type { Command } from 'commander'
import { examine, type Finding } from '#cli/checks.ts'
import { loadConfig } from '#cli/config.ts'
import { type ExitCode, GOOD, NO } from '#cli/exit.ts'
import { harmless } from '#cli/harmless.ts'
import { type Look, lookOf, print, printJson, tinted } from '#cli/output.ts'
import type { GlobalOptions, Io } from '#cli/surroundings.ts'

export function registerDoctor(program: Command, io: Io): void {
  program
    .command('doctor')
    .description('what is running, in which version, what is wrong and what to do about it')
    .action(io.action(() => run(io, program.opts<GlobalOptions>())))
}

async function run(io: Io, { config, json, url }: GlobalOptions): Promise<ExitCode> {
  const findings = await examine(loadConfig({ cwd: io.cwd, env: io.env, file: config }), url, Date.now())
  if (json) printJson(io, { findings })
  else print(io, findings.map((finding) => line(finding, lookOf(io.stdout, io.env))).join('\n'))
  return findings.some(({ state }) => state === 'fault') ? NO : GOOD
}

function line(finding: Finding, look: Look): string {
  const mark = finding.state === 'good' ? tinted('green', 'good ', look) : tinted('red', 'FAULT', look)
  const todo = finding.state === 'fault' ? `\n${' '.repeat(22)}${harmless(finding.todo)}` : ''
  return `${mark}  ${finding.check.padEnd(13)}  ${harmless(finding.says)}${todo}`
}
