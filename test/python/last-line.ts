// Ends a test run with the line `N passed, N failed`.

import type { Reporter } from 'vitest/node'

export const lastLine: Reporter = {
  onTestRunEnd(modules, errors) {
    const states = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state))
    const count = (state: string) => states.filter((other) => other === state).length
    // A file that does not load has no tests.
    const broken = errors.length + modules.filter((module) => module.errors().length > 0).length
    process.stdout.write(`${count('passed')} passed, ${count('failed') + broken} failed\n`)
  },
}
