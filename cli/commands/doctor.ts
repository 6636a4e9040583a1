// cyclewatch doctor

import type { Command } from 'commander'
import type { Finding } from '#cli/checks/finding.ts'
import { examine } from '#cli/checks.ts'
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
  else print(io, findings.map((finding) => shown(finding, lookOf(io.stdout, io.env))).join('\n'))
  return findings.some(({ state }) => state === 'fault') ? NO : GOOD
}

const INDENT = ' '.repeat(22)

/** What was found, and below it further lines and the next step. */
function shown(finding: Finding, look: Look): string {
  const mark = finding.state === 'good' ? tinted('green', 'good ', look) : tinted('red', 'FAULT', look)
  const below = [...(finding.details ?? []), ...(finding.state === 'fault' ? [finding.todo] : [])]
  const lines = below.map((line) => `\n${INDENT}${harmless(line)}`).join('')
  return `${mark}  ${finding.check.padEnd(13)}  ${harmless(finding.says)}${lines}`
}
