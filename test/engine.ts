// One embedded engine for the whole test run, and a database of its own for each test file that asks.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startEngine } from '#storage/engine/engine.ts'
import type { Server } from '#storage/server.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    clickhouse: Server
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const data = mkdtempSync(join(tmpdir(), 'cyclewatch-test-'))
  const engine = await startEngine({ data, httpPort: 0 })
  project.provide('clickhouse', { url: engine.url, user: engine.user, password: engine.password })
  return async () => {
    await engine.stop()
    rmSync(data, { recursive: true, force: true })
  }
}
