// The virtual environment of the Python example, made by the commands that collector/README.md shows, and kept until
// Python or the requirements change.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { TestProject } from 'vitest/node'
import { installing } from '#test/python/readme.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A folder with `.venv`. */
    environment: string
  }
}

const ROOT = resolve(import.meta.dirname, '../..')
/** Every package with its version and hashes, indirect ones too: a run of today is that of tomorrow. */
const LOCKED = join(import.meta.dirname, 'locked.txt')

export default function setup(project: TestProject): void {
  const requirements = readFileSync(join(ROOT, 'collector/python/requirements.txt'))
  const key = createHash('sha256')
    .update(python(['-VV']))
    .update(requirements)
    .update(readFileSync(LOCKED))
  const folder = join(ROOT, 'node_modules/.cache/cyclewatch/python', key.digest('hex').slice(0, 16))
  const made = join(folder, 'made')
  if (!existsSync(made)) {
    make(folder)
    writeFileSync(made, '')
  }
  project.provide('environment', folder)
}

function make(folder: string): void {
  checkPython()
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  symlinkSync(join(ROOT, 'collector'), join(folder, 'collector'))
  for (const command of installing()) {
    const asks = command.includes('pip install')
    if (asks) shell(folder, `.venv/bin/pip install --quiet --require-hashes --requirement ${LOCKED}`)
    // What is shown then finds everything there: it may not fetch anything else.
    shell(folder, command, asks ? { PIP_NO_INDEX: '1' } : {})
  }
}

function shell(cwd: string, command: string, env: Record<string, string> = {}): void {
  execFileSync('sh', ['-c', command], { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] })
}

function checkPython(): void {
  try {
    python(['-c', 'import sys, ensurepip, venv; assert sys.version_info >= (3, 10)'])
  } catch (cause) {
    throw new Error(
      'the tests of the Python example need Python 3.10 or later with venv; on Debian: apt-get install python3-venv',
      { cause },
    )
  }
}

function python(argv: string[]): string {
  return execFileSync('python3', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
