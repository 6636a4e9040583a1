// What the running parts say, as lines on stderr.

import { formatDuration } from '#model/durations.ts'
import type { EngineEvent } from '#storage/engine/engine.ts'
import { endingOf } from './exit.ts'
import { harmless } from './harmless.ts'
import type { Told } from './product.ts'
import type { Surroundings } from './surroundings.ts'

export function tellOn({ stderr, env }: Pick<Surroundings, 'stderr' | 'env'>): (told: Told) => void {
  return (told) => {
    const lines =
      told.kind === 'engine' ? [describe(told.event)] : endingOf(told.error, Boolean(env.CYCLEWATCH_DEBUG)).lines
    for (const line of lines) stderr.write(`${line}\n`)
  }
}

function describe(event: EngineEvent): string {
  switch (event.kind) {
    case 'died':
      return `the embedded ClickHouse died (${harmless(event.reason)}); starting it again in ${formatDuration(event.retryInMs)}`
    case 'not restarted':
      return `the embedded ClickHouse could not be started: ${harmless(event.reason)}; trying again in ${formatDuration(event.retryInMs)}`
    case 'restarted':
      return 'the embedded ClickHouse runs again'
  }
}
