// State files in a folder that goes away with the test file.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'cyclewatch-state-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let count = 0

/** A path in a new folder. */
export function newFile(): string {
  count += 1
  return join(folder, String(count), 'job.state')
}
