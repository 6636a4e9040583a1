// What the running parts say, as lines on stderr.

import type { IngestEvent } from '#ingest/events.ts'
import { formatDuration } from '#model/durations.ts'
import { formatSize } from '#model/sizes.ts'
import type { EngineEvent } from '#storage/engine/engine.ts'
import type { Signal } from '#storage/signals.ts'
import { endingOf } from './exit.ts'
import { harmless } from './harmless.ts'
import type { Told } from './product.ts'
import type { Surroundings } from './surroundings.ts'

export function tellOn({ stderr, env }: Pick<Surroundings, 'stderr' | 'env'>): (told: Told) => void {
  const describeIngest = ingestTeller()
  const linesOf = (told: Told): string[] => {
    if (told.kind === 'engine') return [describeEngine(told.event)]
    if (told.kind === 'ingest') return describeIngest(told.event)
    return endingOf(told.error, Boolean(env.CYCLEWATCH_DEBUG)).lines
  }
  return (told) => {
    for (const line of linesOf(told)) stderr.write(`${line}\n`)
  }
}

function describeEngine(event: EngineEvent): string {
  switch (event.kind) {
    case 'died':
      return `the embedded ClickHouse died (${harmless(event.reason)}); starting it again in ${formatDuration(event.retryInMs)}`
    case 'not restarted':
      return `the embedded ClickHouse could not be started: ${harmless(event.reason)}; trying again in ${formatDuration(event.retryInMs)}`
    case 'restarted':
      return 'the embedded ClickHouse runs again'
  }
}

/** Of a failure that lasts it says when it begins and when it is over. */
function ingestTeller(): (event: IngestEvent) => string[] {
  const failing = new Set<Signal>()
  return (event) => {
    const { signal } = event
    switch (event.kind) {
      case 'answered':
        return []
      case 'retrying':
        if (failing.has(signal)) return []
        failing.add(signal)
        return [`${signal} wait in the spool: ${harmless(event.reason)}`]
      case 'inserted':
        return failing.delete(signal) ? [`${signal} are stored again`] : []
      case 'quarantined':
        return [
          `${formatSize(event.bytes)} of ${signal} are now in quarantine (doctor says where): ${harmless(event.reason)}`,
        ]
      case 'lost':
        return [`somebody removed ${formatSize(event.bytes)} of ${signal} from the spool before they were stored`]
    }
  }
}
