import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Those install from a registry: npm run test:package, npm run test:python.
    exclude: ['test/package/**', 'test/python/**'],
    globalSetup: './test/engine.ts',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default'],
    // Modules load as Node loads them, or tests pass on code that crashes (enums, type imports without `type`).
    experimental: { viteModuleRunner: false },
  },
})
