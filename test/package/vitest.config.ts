import { defineConfig } from 'vitest/config'

// Apart from the other tests: it packs, installs from the registry, and takes a minute or two.
export default defineConfig({
  test: {
    include: ['test/package/*.test.ts'],
    globalSetup: './test/engine.ts',
    testTimeout: 300_000,
    hookTimeout: 300_000,
    experimental: { viteModuleRunner: false },
  },
})
