import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { test } from 'vitest'

const PROGRAM = fileURLToPath(import.meta.resolve('#test/collector/faults/leaks.ts'))

async function run(...argv: string[]): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PROGRAM, ...argv])
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, said }
}

test.concurrent('holds on to nothing over cycles that meet all faults', { timeout: 240_000 }, async ({ expect }) => {
  const { code, said } = await run('--cycles', '300', '--seed', '1')
  expect(said).toContain('nothing grows')
  expect(code).toBe(0)
})

for (const leak of ['sockets', 'timers', 'memory']) {
  test.concurrent(`would notice a leak of ${leak}`, { timeout: 240_000 }, async ({ expect }) => {
    const { code, said } = await run('--cycles', '120', '--seed', '1', '--leak', leak)
    expect(said).toMatch(new RegExp(`GROWS +${{ sockets: 'descriptors', timers: 'timers', memory: 'heap' }[leak]}`))
    expect(code).toBe(1)
  })
}
