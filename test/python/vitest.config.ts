import { defineConfig } from 'vitest/config'
import { lastLine } from '#test/python/last-line.ts'

// Apart from the other tests: it needs a Python 3.10 or later with venv, and the registry of its packages once.
export default defineConfig({
  test: {
    include: ['test/python/*.test.ts'],
    globalSetup: './test/python/environment.ts',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', lastLine],
    experimental: { viteModuleRunner: false },
  },
})
